"""The command line for people and CI: `python -m operations --help`.

One module for each command, registered in `__main__`. Commands read files and print; what they
decide is decided in `tenancy`. They know neither the engine nor the sandbox.
"""
