"""Every decision: how many instances, which names and addresses, what may be removed.

Each package is a step: `inventory`, `plan`, then `rows` and `edit`, then `scaling` and `takeover`;
`names`, `quantities`, `tokens` and `words` serve all. It is plain Python over frozen values,
imports no Pulumi and opens no connection, so tests need only literals.
"""
