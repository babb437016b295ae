"""`make schema`: writes docs/inventory.md (`page`) and tenants.schema.json (`json_schema`).

Both come from the models of `tenancy.inventory`; what an edit does comes from `tenancy.edit`. It
decides nothing, and nothing that runs imports it.
"""
