"""The program of a stack, which the engine runs as `python -m tenant_nats` would.

It decides before anything is touched, then builds every component. What it decides by is in
`tenancy`, and what it makes is in `components`.
"""
