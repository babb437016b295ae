"""From an inventory to the desired state: every name, number, address and configuration.

`plan.expand` makes it; `ceiling` refuses a plan that is too large, `admission` names the tenants
whose servers do not authenticate their clients, and `quota` compares a plan with the quotas that it
is given. Nothing here asks for the actual state, in the cluster or in the database.
"""
