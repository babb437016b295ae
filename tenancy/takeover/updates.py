"""What an `up` changes in the servers that it takes over, each in a clause. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tenancy.names import (
    APP,
    CLOSING_POLICY_NAME,
    INSTANCE_LABEL,
    TENANT_LABEL,
    instance_name,
    instance_selector,
    policy_name,
)
from tenancy.takeover.handover import Live, is_taken_over
from tenancy.takeover.there import There, told_selector
from tenancy.words import agreeing, counted

_NAMESPACE_NAME = "kubernetes.io/metadata.name"


def changes(there: There) -> Iterator[str]:
    """All changes to a tenant, except its size."""
    yield from _of_servers(there)
    yield from _of_services(there)
    yield from _of_policies(there)
    yield from _of_rows(there)


def _of_servers(there: There) -> Iterator[str]:
    wanted = range(1, there.instances + 1)
    if missing := [number for number in wanted if number not in there.deployments]:
        names = ", ".join(instance_name(there.tenant, number) for number in missing)
        yield f"makes {names}, which {agreeing(len(missing), 'does', 'do')} not run"
    for number, deployment in sorted(there.deployments.items()):
        name = deployment["metadata"]["name"]
        if number not in there.own_services:
            yield f"makes the Service {name}"
        if is_taken_over(deployment):
            continue
        images = [each["image"] for each in _containers(deployment)]
        yield f"gives {name} the stack's `image` in place of {', '.join(images)}"
        if dropped := list(_dropped(deployment)):
            yield f"takes from {name} {', '.join(dropped)}"
        replicas = deployment["spec"].get("replicas", 1)
        if replicas != 1:
            yield f"runs 1 pod of {name} where there are {replicas}, which share no messages"


def _of_services(there: There) -> Iterator[str]:
    for number, service in sorted(there.own_services.items()):
        name, spec = service["metadata"]["name"], service["spec"]
        kind = spec.get("type", "ClusterIP")
        if kind != "ClusterIP":
            yield f"changes the Service {name} from {kind} to ClusterIP, closed to the outside"
        if spec.get("selector") != instance_selector(there.tenant, number):
            selected = told_selector({"matchLabels": spec.get("selector") or {}})
            yield f"points the Service {name} to its server; now it selects {selected}"


def _of_policies(there: There) -> Iterator[str]:
    name = policy_name(there.tenant)
    if there.policy is None:
        yield f"makes the NetworkPolicy {name}: until then anybody may connect"
    elif not is_taken_over(there.policy):
        yield from _of_policy(there.tenant, there.policy)
    for other, policy in sorted(there.policies.items()):
        if other not in (name, CLOSING_POLICY_NAME) and _may_select(policy, there.tenant):
            yield f"leaves the NetworkPolicy {other}: what it opens to these pods stays open"


def _may_select(policy: Live, tenant: str) -> bool:
    """Whether a policy may select pods of the tenant: it names no label that they surely lack."""
    selector: Mapping[str, Any] = policy["spec"].get("podSelector") or {}
    labels: Mapping[str, str] = selector.get("matchLabels") or {}
    certain = {"app": APP, TENANT_LABEL: tenant}
    return all(
        certain[key] == value if key in certain else key == INSTANCE_LABEL
        for key, value in labels.items()
    )


_POD_DEFAULTS: Mapping[str, Any] = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "securityContext": {},
}
"""What the API server fills in by default."""
_CONTAINER_FIELDS = ("command", "args", "env", "envFrom", "volumeMounts", "lifecycle")


def _containers(deployment: Live) -> list[Mapping[str, Any]]:
    return deployment["spec"]["template"]["spec"]["containers"]


def _dropped(deployment: Live) -> Iterator[str]:
    """What the old pod has and the new one lacks. Values are left out: some are secrets."""
    template = deployment["spec"]["template"]
    for marks in ("labels", "annotations"):
        keys = set(template["metadata"].get(marks) or {}) - {"app", TENANT_LABEL, INSTANCE_LABEL}
        yield from (f"the pod's {marks[:-1]} {key}" for key in sorted(keys))
    for field, value in sorted(template["spec"].items()):
        if field != "containers" and _POD_DEFAULTS.get(field) != value:
            yield f"the pod's {field}"
    for container in _containers(deployment):
        if container["name"] != APP:
            yield f"the container {container['name']}"
        for field in _CONTAINER_FIELDS:
            if container.get(field):
                yield f"the {field} of the container {container['name']}"


def _of_policy(tenant: str, policy: Live) -> Iterator[str]:
    name = policy["metadata"]["name"]
    egress: Sequence[Mapping[str, Any]] = policy["spec"].get("egress") or ()
    if any(not rule.get("to") for rule in egress) or "Egress" not in policy["spec"]["policyTypes"]:
        yield f"narrows what {name} lets out to DNS; a server opens no connection of its own"
    if others := list(_other_sources(tenant, policy)):
        yield f"removes from {name} what else it lets in: {', '.join(others)}"


def _other_sources(tenant: str, policy: Live) -> Iterator[str]:
    """What a policy lets in that an inventory cannot say; monitoring is a setting of the stack."""
    for source in _sources(policy):
        pods, namespaces = source.get("podSelector"), source.get("namespaceSelector")
        if "ipBlock" in source:
            yield f"the addresses {source['ipBlock']['cidr']}"
        elif not source:
            yield "everybody"
        elif pods == _own_pods(tenant) and (namespaces is None or _named(namespaces)):
            continue
        elif pods is None and _named(namespaces):
            yield f"all pods of {', '.join(_named(namespaces))}, unless it is the monitoring"
        elif pods is None:
            yield "pods of namespaces by their labels, unless it is the monitoring"
        else:
            yield "pods or namespaces by other labels"


def _of_rows(there: There) -> Iterator[str]:
    instances = there.instances
    numbers = {row.instance_number: row for row in there.rows}
    missing = [number for number in range(1, instances + 1) if number not in numbers]
    if missing:
        yield f"inserts the row of {_numbers(missing)}"
    wrong = [
        number
        for number, row in sorted(numbers.items())
        if number <= instances and row.lives_in(there.domain) and row.status != "active"
    ]
    if wrong:
        yield f"sets the row of {_numbers(wrong)} to active"
    if there.unplaced:
        yield f"places {counted(there.unplaced, 'integration')} that have no instance"


def _numbers(numbers: Sequence[int]) -> str:
    noun = agreeing(len(numbers), "instance", "instances")
    return f"{noun} {', '.join(map(str, numbers))}"


def client_namespaces(tenant: str, policy: Live | None) -> tuple[str, ...]:
    """The namespaces from which pods of the tenant may connect, as the policy has them."""
    if policy is None:
        return ()
    return tuple(
        sorted(
            {
                name
                for source in _sources(policy)
                if source.get("podSelector") == _own_pods(tenant)
                for name in _named(source.get("namespaceSelector"))
            }
        )
    )


def _sources(policy: Live) -> Iterator[Mapping[str, Any]]:
    for rule in policy["spec"].get("ingress") or ():
        yield from rule.get("from") or [{}]


def _own_pods(tenant: str) -> Mapping[str, Any]:
    return {"matchLabels": {TENANT_LABEL: tenant}}


def _named(selector: Mapping[str, Any] | None) -> list[str]:
    """The namespaces that a selector picks by name; none if it picks in another way."""
    match selector:
        case {"matchLabels": labels} if set(labels) == {_NAMESPACE_NAME}:
            return [labels[_NAMESPACE_NAME]]
        case {"matchExpressions": [{"key": key, "operator": "In", "values": names}]} if (
            key == _NAMESPACE_NAME
        ):
            return list(names)
        case _:
            return []
