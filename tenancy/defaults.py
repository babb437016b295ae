"""Defaults for the settings of a stack and for the options of commands."""

NAMESPACE = "vrsky-tenants"
"""Where the servers live."""
CLUSTER_DOMAIN = "cluster.local"
"""What the DNS names of Services end in, in most clusters."""
IMAGE = "nats:2.15.1-alpine"
"""The servers' image. Its tag is the version that the tests run."""
USER = 1000
"""Of every process: the images name none, and `runAsNonRoot` needs one. None owns a file."""
EXPORTER_RESOURCES = {
    "requests": {"cpu": "10m", "memory": "32Mi"},
    "limits": {"cpu": "100m", "memory": "64Mi"},
}
"""What the exporter beside a server has, as its container says it."""
