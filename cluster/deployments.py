"""The servers that are there already."""

from cluster import kinds
from cluster.kubectl import Kubectl
from tenancy.names import PART_OF


def existing(namespace: str, kubectl: Kubectl) -> frozenset[str]:
    """The names of the Deployments of this project.

    Raises:
        ClusterError: the cluster cannot be read.
    """
    said = kubectl.run(
        "get", kinds.KINDS["Deployment"], f"--namespace={namespace}",
        f"--selector={'='.join(PART_OF)}", "--output=name",
    )  # fmt: skip
    return frozenset(line.partition("/")[2] for line in said.splitlines())
