"""One stack through all that may happen to it, seen after each change and watched meanwhile."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tenancy.inventory.validation import load
from tenancy.plan.plan import Plan, expand
from tests.e2e.project import Project
from tests.isolation.cluster import Object, held
from tests.isolation.moments import Event
from tests.isolation.state import State
from tests.isolation.topology import servers
from tests.isolation.watch import Watch

CHANGES: Mapping[str, str] = {
    "initial": """\
  acme: {instances: 2, size: small, clients: {namespaces: [acme-workers, shared]}}
  globex: {size: small, clients: {namespaces: [shared]}}
  "42": {size: small}
""",
    "tenant added": """\
  acme: {instances: 2, size: small, clients: {namespaces: [acme-workers, shared]}}
  globex: {size: small, clients: {namespaces: [shared]}}
  hooli: {instances: 2, size: small}
  "42": {size: small}
""",
    "egress opened for some and closed for one": """\
  acme: {instances: 2, size: small, clients: {namespaces: [acme-workers, shared]}, egress: open}
  globex: {size: small, clients: {namespaces: [shared]}, egress: open}
  hooli: {instances: 2, size: small, egress: none}
  "42": {size: small}
""",
    "instance removed": """\
  acme: {size: small, clients: {namespaces: [acme-workers, shared]}}
  globex: {size: small, clients: {namespaces: [shared]}, egress: open}
  hooli: {instances: 2, size: small, egress: none}
  "42": {size: small}
""",
    "tenant decommissioned": """\
  acme: {size: small, clients: {namespaces: [acme-workers]}}
  globex: {state: decommissioned, clients: {namespaces: [shared]}, egress: open}
  hooli: {instances: 2, size: small, egress: none}
  "42": {size: small}
""",
    "servers rolled, another tenant grown and an entry gone": """\
  acme: {size: other, clients: {namespaces: [acme-workers]}}
  hooli: {instances: 3, size: other, egress: none}
  "42": {size: small}
""",
}
"""The tenants, one inventory after the other, by what is new in each."""

_INVENTORY = """\
tenants:
%ssizes:
  small: {requests: {cpu: 10m, memory: 64Mi}, limits: {cpu: 100m, memory: 64Mi}}
  other: {requests: {cpu: 10m, memory: 64Mi}, limits: {cpu: 100m, memory: 96Mi}}
"""

_SECONDS = 60


@dataclass(frozen=True)
class Lifecycle:
    """What was seen of one stack."""

    states: Mapping[str, State]
    """After each of the `CHANGES`."""
    events: Sequence[Event]
    """Of all pods and policies, from before the first `up` until after `destroy`."""


def lived(project: Project, watch: Watch) -> Lifecycle:
    """Take `project` through all `CHANGES`, and destroy it."""
    states: dict[str, State] = {}
    for change, tenants in CHANGES.items():
        project.write(_INVENTORY % tenants)
        up = project.up()
        assert not up.failed, up.output
        states[change] = _state(project)
    destroy = project.destroy()
    assert not destroy.failed, destroy.output
    return Lifecycle(states, watch.events(project.namespace))


def _state(project: Project) -> State:
    plan = expand(load(project.folder / "tenants.yaml"), namespace=project.namespace)
    return State(
        plan=plan,
        policies=project.objects("networkpolicies"),
        pods=_settled_pods(project, plan),
        namespaces=held(project.target, "namespaces", project.namespace, "kube-system"),
    )


def _settled_pods(project: Project, plan: Plan) -> list[Object]:
    """The NATS pods, as soon as none is there that is on its way out."""
    planned = set(plan.instances)
    deadline = time.monotonic() + _SECONDS
    while True:
        pods: list[Object] = [*project.objects("pods")]
        if {place.name for place in servers(pods)} == planned and len(pods) == len(planned):
            return pods
        assert time.monotonic() < deadline, f"the pods of {planned} are {pods}"
        time.sleep(0.2)
