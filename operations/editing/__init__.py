"""`add` and `set`: edit the inventory, and leave every other byte of it alone.

`command` is both commands, and `text` makes the edit. Whether the result is a valid inventory is
decided in `tenancy.inventory`.
"""
