"""The configuration of a stack, read once at the edge into one frozen object.

Each value is checked here, and all that do not fit are told in one report. What belongs to a tenant
or to a size is in the inventory instead.
"""
