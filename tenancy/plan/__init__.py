"""From an inventory to the desired state: every name, number, address and configuration.

`expand` in the module `plan` makes it; `ceiling` refuses a plan that is too large, and `admission`
names the tenants whose servers ask no client who it is. Nothing here knows the actual state, in the
cluster or in the database.
"""
