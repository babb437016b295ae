"""What writes docs/inventory.md, tenants.schema.json and, for `make docs`, the site.

`page` and `json_schema` take what they write from the models of `tenancy.inventory`, and what an
edit does from `tenancy.edit`. The package decides nothing, and nothing that runs imports it.
"""
