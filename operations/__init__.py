"""The command line for people and CI: `tenant-nats --help`.

Each command is a module of its name, or a package (`editing`, `recovery`, `verification`) whose
`command` module has it. They ask `tenancy` for every decision, go outside through `outside`, and do
not know the sandbox.
"""
