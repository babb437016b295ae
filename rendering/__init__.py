"""What the program would register with an engine: as a graph, and as plain files.

Only the components know what a pod looks like, so they run here as they do under the engine, with a
monitor that records what they register. Tests read that graph, and `tenant-nats render` writes it.
"""
