"""What the program asks an engine for, without an engine: as a graph, and as plain files.

Only the components know what a pod looks like, so they run here as they run in the engine, before a
monitor that records what it is sent. Tests read that graph, and `operations render` writes it.
"""
