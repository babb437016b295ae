"""What the engine runs: the program of tenant-nats, whose contents are tenant_nats/__main__.py."""

from runpy import run_module

run_module("tenant_nats")
