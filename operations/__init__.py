"""The command line for people and CI: `python -m operations --help`.

`__main__` registers the commands, each in a module of its name; `add` and `set` are in `change`.
What they decide is decided in `tenancy`. The other modules are what commands share: the way to the
engine (`engine`), to the cluster (`kubectl`), to Prometheus, to git (`revisions`), and parts of one
command: of `recover` (`leftovers`, `adoption`, `unrecorded`), of `verify` (`probes`, `client`,
`forwarding`), of those that edit a file (`edit`, `files`). None knows the sandbox.
"""
