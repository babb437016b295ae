"""The local stack: a cluster, a database and an engine, from the package registries alone.

It is a tool for a laptop and for CI, and never runs against a real cluster. Only tests and
benchmarks import it.
"""
