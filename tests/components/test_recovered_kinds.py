"""What `tenant-nats recover` asks the API server for is what this program makes."""

from cluster.kinds import KINDS
from tests.components.stack import graph_of


def test_every_kind_of_object_in_the_namespace_is_looked_for() -> None:
    metrics = {"podMonitor": True, "prometheusRule": True}
    objects = [each.inputs for each in graph_of({"acme-corp": {}}, metrics=metrics).resources]
    made = {each["kind"] for each in objects if "kind" in each}
    assert KINDS.keys() | {"Namespace"} == made
