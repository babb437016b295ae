"""What the program asks an engine for, without an engine: as a graph, and as plain files.

The components are the only place that knows what a pod looks like. So they run here as they run in
the engine, before a monitor that writes down what it is sent. The tests look at that graph, and
`operations render` writes it to files.
"""
