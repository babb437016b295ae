"""`verify`: check whether each server works, and whether it admits only its own tenant.

`command` checks and reports; `client` speaks NATS, `forwarding` reaches a server from here, and
`probes` are Jobs that connect from inside the cluster. Nothing here changes a server.
"""
