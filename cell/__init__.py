"""What a stack that is a member of a cell finds out about itself and the others.

A cell is one namespace with several stacks, a base and shards. Nothing here decides or changes
anything; what the members of a cell are called is in `tenancy.cells`.
"""
