"""`tenant-nats shards`: all stacks of a cell.

`moving` edits inventories, and `settling` lets the states follow them. What one stack does is not
here: that is `pulumi up` of it, so nothing here touches a server or a row.
"""
