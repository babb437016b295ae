"""`verify`: see whether each server works, and whether it admits only its own tenant.

`command` looks and reports; `client` speaks NATS, `forwarding` reaches a server from here, and
`probes` are Jobs that try from inside the cluster. Nothing here changes a server.
"""
