"""Reads inventories as commands are given them: a file, or a cell's folder with one for each shard.

`loading` reads all files. `differing` reads only those that an edit has changed, and `finding` only
those that may have a given tenant.
"""
