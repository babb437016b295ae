"""Everything that decides: how many instances, which names, which addresses, what may go.

Each package is a step: `inventory`, `plan`, then `rows` and `edit`, then `scaling` and `takeover`;
`names`, `tokens` and `words` serve all. It is plain Python over frozen values that never heard of
Pulumi and opens no connection, so tests need only literals.
"""
