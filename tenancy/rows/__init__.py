"""The plan beside the control plane's rows: what to do with instances and integrations.

`snapshot` is the actual state that all decisions here read, `removal` refuses an unsafe edit, and
`placement` moves integrations. The SQL is in `controlplane`.
"""
