"""What writes docs/inventory.md (`page`) and tenants.schema.json (`json_schema`): `make schema`.

Both come from the models of `tenancy.inventory`; what an edit does, from `tenancy.edit`. It decides
nothing, and nothing that runs imports it.
"""
