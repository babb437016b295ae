"""The local stack: a cluster, a database and an engine, from the package registries alone.

Nothing outside this package imports it but the tests and the benchmarks. It is a tool for a
laptop and for CI, and never part of what runs against a real cluster.
"""
