"""Everything that decides: how many instances, which names, which addresses, what may go.

Plain Python over frozen values. It never heard of Pulumi and opens no connection, so every
decision is tested with literals and can be read in a preview.
"""
