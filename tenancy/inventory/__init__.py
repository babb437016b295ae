"""From the text of `tenants.yaml` to frozen models, or to a report of all its faults.

`validation` is the entry point: it reads YAML strictly (`yaml_source`), checks each value
(`models`, `types`), and checks values against each other (`contradictions`). Other packages decide
what follows from an inventory.
"""
