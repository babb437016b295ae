"""The command line for people and CI: `python -m operations --help`.

One module for each command, registered in `__main__`. `check`, `plan` and `guard` read files, and
what they decide is decided in `tenancy`; `add` and `set` edit one; `render` runs the program
without an engine; `recover` runs the engine's own command line. None knows the sandbox.
"""
