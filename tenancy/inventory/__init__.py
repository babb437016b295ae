"""From the text of `tenants.yaml` to frozen models, or to all that is wrong with it.

`validation` is the door: it reads YAML strictly (`yaml_source`), checks each value (`models`,
`types`) and what values say together (`contradictions`). What follows from an inventory is decided
elsewhere.
"""
