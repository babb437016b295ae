"""The command line for people and CI: `tenant-nats --help`.

Each command is a module of its name, or a package (`editing`, `recovery`, `shards`, `verification`)
whose `command` module has it. They read inventories through `inventories`, ask `tenancy` for every
decision, go outside through `outside`, and do not know the sandbox.
"""
