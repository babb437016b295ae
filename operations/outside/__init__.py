"""Access to other programs and services: the engine, git, GitHub, Prometheus, and files.

Each module runs or asks one of them, and returns plain values or raises its own error; only
`github` hands out PyGithub's objects. None decides anything, or knows a command.
"""
