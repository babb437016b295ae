"""From an inventory to the desired state: every name, number, address and configuration.

`plan.expand` makes it; `ceiling` refuses a plan that is too large, and `admission` names the
tenants whose servers do not authenticate their clients. Nothing here knows the actual state, in
the cluster or in the database.
"""
