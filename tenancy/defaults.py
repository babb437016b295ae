"""What a stack uses unless its settings say otherwise, and commands unless their options do."""

NAMESPACE = "vrsky-tenants"
"""Where the servers live."""
IMAGE = "nats:2.15.1-alpine"
"""The servers' image. Its tag is the version that the tests run."""
