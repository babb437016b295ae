"""The settings of examples/clusters on the real API server, rendered by the command line.

What only a certain platform refuses is refused here by a policy with the platform's rules. Each
such policy first has to refuse the pods of a stack without the settings.
"""

import itertools
import json
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from operations.__main__ import app
from operations.verification.command import as_the_stack
from operations.verification.probes import Probe, job
from sandbox.layout import PROJECT
from tenancy.inventory.types import in_bytes, millicores
from tests.access import Access, listed
from tests.components.stack import graph_of
from tests.waiting import wait_until

NUMBERS = itertools.count(1)
FOLDER = PROJECT / "examples" / "clusters"
FILES = sorted(FOLDER.glob("*.yaml"))
INVENTORY = """\
tenants:
  acme: {instances: 3}
  globex: {size: large, tls: {secretName: globex-tls}}
sizes:
  large:
    requests: {cpu: "2", memory: 4Gi}
    limits: {cpu: "4", memory: 8Gi}
    nodeSelector: {pool: nats-large}
"""

Manifest = dict[str, Any]
Made = Callable[[str, str], list[Manifest]]
"""Renders a file of the examples, or nothing, for a namespace; all objects."""


@pytest.fixture
def made(tmp_path: Path) -> Made:
    def render(name: str, namespace: str) -> list[Manifest]:
        inventory = tmp_path / "tenants.yaml"
        inventory.write_text(INVENTORY)
        asked = ["render", str(tmp_path / "out"), "--inventory", str(inventory)]
        asked += ["--set", f"namespace={namespace}", "--set", "namespaceMode=existing"]
        if name:
            asked += ["--settings", str(FOLDER / name)]
        result = CliRunner().invoke(app, asked)
        assert result.exit_code == 0, result.output
        files = sorted((tmp_path / "out").glob("*.yaml"))
        return [each for file in files for each in YAML(typ="safe").load_all(file)]

    return render


def deployments(objects: Iterable[Manifest]) -> dict[str, Manifest]:
    found = [each for each in objects if each["kind"] == "Deployment"]
    return {each["metadata"]["name"]: each for each in found}


def pods_of(objects: Iterable[Manifest], namespace: str) -> list[Manifest]:
    """The pods that the Deployments make."""
    return [
        pod(name, namespace, each["spec"]["template"])
        for name, each in deployments(objects).items()
    ]


def jobs_pods(name: str, namespace: str) -> list[Manifest]:
    """The pods of the Jobs of `verify --settings`."""
    image, pods = as_the_stack(FOLDER / name if name else None)
    probe = Probe(name="verify-x", host="nats-acme-1", tenant="acme", is_admitted=True)
    return [pod("verify-x", namespace, job(probe, image=image, pods=pods)["spec"]["template"])]


def pod(name: str, namespace: str, template: Manifest) -> Manifest:
    metadata = {**template["metadata"], "name": name, "namespace": namespace}
    return {**template, "apiVersion": "v1", "kind": "Pod", "metadata": metadata}


def refusals(access: Access, objects: Iterable[Manifest]) -> list[str]:
    """What the API server says of objects that it would not make."""
    answer = access.ask(
        "create", "--dry-run=server", "--validate=strict", "--filename=-", stdin=listed(objects)
    )
    return answer.stderr.splitlines()


@pytest.fixture
def namespace(access: Access) -> Generator[str]:
    """One with the label that the program puts on a managed one."""
    [made] = graph_of({"acme": {}}).of_type("core/v1:Namespace")
    name = f"clusters-{next(NUMBERS)}"
    yield access.new_namespace(name, **made.inputs["metadata"]["labels"])
    access.run("delete", "namespace", name, "--wait=false")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_a_file_makes_is_taken_by_the_api_server(
    access: Access, namespace: str, made: Made, file: Path
) -> None:
    objects = made(file.name, namespace)
    assert len(deployments(objects)) == 4
    assert refusals(access, objects) == []
    pods = [*pods_of(objects, namespace), *jobs_pods(file.name, namespace)]
    assert refusals(access, pods) == [], "Pod Security refuses pods, and only warns of Deployments"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_page_shows_the_file(file: Path) -> None:
    page = (PROJECT / "docs" / "clusters.md").read_text()
    assert f"```yaml\n{file.read_text()}```" in page


RANGE = "({0} >= 1000680000 && {0} <= 1000689999)"
OPENSHIFT = {
    "the user is none of the namespace's": (
        "([object.spec.?securityContext] + object.spec.containers.map(c, c.?securityContext))"
        ".all(each, !each.?runAsUser.hasValue() || "
        f"{RANGE.format('each.runAsUser.value()')})"
    ),
    "the group of volumes is none of the namespace's": (
        "!object.spec.?securityContext.?fsGroup.hasValue() || "
        f"{RANGE.format('object.spec.securityContext.fsGroup')}"
    ),
    "SELinux is the platform's": (
        "([object.spec.?securityContext] + object.spec.containers.map(c, c.?securityContext))"
        ".all(each, !each.?seLinuxOptions.hasValue())"
    ),
    "capabilities": (
        "object.spec.containers.all(c, c.?securityContext.?capabilities.?add.orValue([])"
        ".all(each, each == 'NET_BIND_SERVICE'))"
    ),
    "privileges": (
        "object.spec.containers.all(c, "
        "c.?securityContext.?allowPrivilegeEscalation.orValue(false) == false)"
    ),
    "seccomp": (
        "object.spec.?securityContext.?seccompProfile.?type.orValue('RuntimeDefault') "
        "== 'RuntimeDefault'"
    ),
    "volumes": (
        "object.spec.?volumes.orValue([]).all(v, has(v.configMap) || has(v.secret) || "
        "has(v.projected) || has(v.emptyDir) || has(v.downwardAPI))"
    ),
}
"""The SCC restricted-v2, but for what it sets by itself: its user and its group."""


def test_openshifts_restricted_v2_admits_who_leaves_the_user_to_the_platform(
    access: Access, namespace: str, made: Made
) -> None:
    with policy(access, "restricted-v2", namespace, OPENSHIFT):
        plain = pods_of(made("", namespace), namespace)
        said = await_refusals(access, plain)
        assert sum("the user is none of the namespace's" in line for line in said) == len(plain)
        [_] = refusals(access, jobs_pods("", namespace))
        pods = pods_of(made("openshift.yaml", namespace), namespace)
        assert refusals(access, [*pods, *jobs_pods("openshift.yaml", namespace)]) == []
        # The platform's own user, as its SCC sets it, and another one's.
        for user, count in ((1000680000, 0), (1000690000, 1)):
            pods[0]["spec"]["securityContext"]["runAsUser"] = user
            assert len(refusals(access, pods)) == count
        for key in ("fsGroup", "seLinuxOptions"):
            pods = pods_of(made("openshift.yaml", namespace), namespace)
            pods[0]["spec"]["securityContext"][key] = 1 if key == "fsGroup" else {"level": "s0"}
            assert len(refusals(access, pods)) == 1


KYVERNO = {
    "require-labels": "['app.kubernetes.io/name', 'team'].all(key, "
    "object.metadata.?labels[?key].orValue('') != '')",
    "require-pod-probes": "object.metadata.?labels[?'app.kubernetes.io/component'].orValue('') "
    "== 'verify' || object.spec.containers.all(c, "
    "has(c.livenessProbe) || has(c.readinessProbe) || has(c.startupProbe))",
    "disallow-latest-tag": "object.spec.containers.all(c, "
    "c.image.matches('.*:.*') && !c.image.endsWith(':latest'))",
    "require-requests-limits": "object.spec.containers.all(c, "
    "has(c.resources.requests) && 'cpu' in c.resources.requests && "
    "'memory' in c.resources.requests && has(c.resources.limits) && "
    "'memory' in c.resources.limits)",
    "require-run-as-nonroot": "object.spec.?securityContext.?runAsNonRoot.orValue(false) == true",
    "require-ro-rootfs": "object.spec.containers.all(c, "
    "c.?securityContext.?readOnlyRootFilesystem.orValue(false) == true)",
    "restrict-automount-sa-token": (
        "object.spec.?automountServiceAccountToken.orValue(true) == false"
    ),
    "drop-all-capabilities": "object.spec.containers.all(c, "
    "'ALL' in c.?securityContext.?capabilities.?drop.orValue([]))",
}
"""The rules of Kyverno's policies of these names, but for the exception that the page asks for."""


def test_kyvernos_best_practices_admit_servers_and_verify(
    access: Access, namespace: str, made: Made
) -> None:
    with policy(access, "kyverno", namespace, KYVERNO):
        plain = pods_of(made("", namespace), namespace)
        said = await_refusals(access, plain)
        assert len(said) == len(plain)
        assert all(line.endswith(": require-labels") for line in said), said
        pods = pods_of(made("kyverno.yaml", namespace), namespace)
        assert refusals(access, pods) == []
        assert refusals(access, jobs_pods("kyverno.yaml", namespace)) == []
        for name, breach in BREACHES.items():
            copy: Manifest = json.loads(json.dumps(pods[0]))
            breach(copy, copy["spec"]["containers"][0])
            assert any(name in line for line in refusals(access, [copy])), name


BREACHES: Mapping[str, Callable[[Manifest, Manifest], object]] = {
    "require-labels": lambda pod, _: pod["metadata"]["labels"].pop("app.kubernetes.io/name"),
    "require-pod-probes": lambda pod, _: pod["spec"]["containers"][1].pop("livenessProbe"),
    "disallow-latest-tag": lambda _, container: container.update(image="nats:latest"),
    "require-requests-limits": lambda _, container: container["resources"].pop("limits"),
    "require-ro-rootfs": lambda _, container: container["securityContext"].pop(
        "readOnlyRootFilesystem"
    ),
    "restrict-automount-sa-token": lambda pod, _: pod["spec"].pop("automountServiceAccountToken"),
}
"""How to break each rule that Pod Security does not have already."""


def test_the_pods_of_a_standard_server_keep_to_autopilots_figures(
    namespace: str, made: Made
) -> None:
    [small, *_] = pods_of(made("gke-autopilot.yaml", namespace), namespace)
    requests = [each["resources"]["requests"] for each in small["spec"]["containers"]]
    cpu = sum(millicores(each["cpu"]) for each in requests)
    memory = sum(in_bytes(each["memory"]) for each in requests) // 2**20
    assert (cpu, memory) == (1010, 2080), "as the page says"
    assert cpu >= 250
    assert memory >= 512
    assert 1 <= (memory / 1024) / (cpu / 1000) <= 6.5


def test_every_pod_of_a_private_registry_has_its_image_and_its_secret(
    namespace: str, made: Made
) -> None:
    name = "private-registry.yaml"
    pods = [*pods_of(made(name, namespace), namespace), *jobs_pods(name, namespace)]
    for each in pods:
        assert each["spec"]["imagePullSecrets"] == [{"name": "registry"}]
        for container in each["spec"]["containers"]:
            assert container["image"].startswith("registry.example.com/")


def test_no_autoscaler_moves_a_server(namespace: str, made: Made) -> None:
    for each in pods_of(made("autoscaled-nodes.yaml", namespace), namespace):
        assert each["metadata"]["annotations"] == {
            "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
            "karpenter.sh/do-not-disrupt": "true",
        }


TAINT = {"key": "dedicated", "value": "nats", "effect": "NoSchedule"}


@pytest.fixture
def nodes(access: Access) -> Generator[None]:
    """Three nodes of a pool and one for large servers, all with a taint; beside the others."""
    pools = {"nats": 3, "nats-large": 1}
    names = [(f"{pool}-{number}", pool) for pool, count in pools.items() for number in range(count)]
    with new_nodes(access, {name: {"pool": pool} for name, pool in names}, taints=[TAINT]):
        yield


@pytest.mark.usefixtures("nodes")
def test_servers_of_a_pool_run_on_its_nodes_and_those_of_one_tenant_on_different_ones(
    access: Access, namespace: str, made: Made
) -> None:
    access.apply(made("node-pool.yaml", namespace))
    wait_until(lambda: len(placed(access, namespace)) == 4)
    found = placed(access, namespace)
    assert {found[f"nats-acme-{number}"] for number in (1, 2, 3)} == {f"nats-{n}" for n in range(3)}
    assert found["nats-globex-1"] == "nats-large-0", "its size wins over the stack"
    access.apply(jobs_pods("node-pool.yaml", namespace))
    [node] = [
        access.run("wait", "--for=jsonpath={.spec.nodeName}", f"--namespace={namespace}",
                   "pod/verify-x", "--output=jsonpath={.spec.nodeName}")
    ]  # fmt: skip
    assert node in {f"nats-{n}" for n in range(3)}


@pytest.mark.usefixtures("nodes")
def test_nothing_else_runs_on_the_nodes_of_a_pool(
    access: Access, namespace: str, made: Made
) -> None:
    plain = [each for each in made("", namespace) if "globex" not in each["metadata"]["name"]]
    access.apply(plain)
    wait_until(lambda: len(placed(access, namespace)) == 3)
    assert not any(node.startswith("nats-") for node in placed(access, namespace).values())


HUGE, SMALL, FAR = "huge", "small", "far"
NODES = {HUGE: ("256", "a"), SMALL: ("4", "a"), FAR: ("4", "b")}
"""CPUs and zone of each. The scheduler likes the huge one far better, however full it is here."""


@pytest.mark.parametrize(
    ("spread", "among", "servers", "expected"),
    [
        pytest.param("none", (HUGE, SMALL), 2, {HUGE}, id="not over nodes"),
        pytest.param("none", (HUGE, SMALL, FAR), 3, {HUGE}, id="not over zones"),
        pytest.param("nodes", (HUGE, SMALL), 2, {HUGE, SMALL}, id="over nodes"),
        pytest.param("nodes", (HUGE,), 2, {HUGE}, id="over nodes, of which there is one"),
        pytest.param("zones", (HUGE, SMALL, FAR), 2, {HUGE, FAR}, id="over zones"),
        pytest.param("zones", (HUGE, SMALL, FAR), 3, {HUGE, SMALL, FAR}, id="over both"),
    ],
)
def test_servers_of_one_tenant_are_spread_where_a_stack_asks_for_it(
    access: Access,
    namespace: str,
    spread: str,
    among: tuple[str, ...],
    servers: int,
    expected: set[str],
) -> None:
    labels = {
        f"{namespace}-{node}": {"pool": namespace, "topology.kubernetes.io/zone": NODES[node][1]}
        for node in among
    }
    with new_nodes(access, labels, cpu={f"{namespace}-{node}": NODES[node][0] for node in among}):
        graph = graph_of(
            {"acme": {"instances": servers}},
            namespace=namespace,
            namespaceMode="existing",
            pod={"nodeSelector": {"pool": namespace}, "spread": spread},
        )
        # One after the other, as most servers come.
        for each in graph.of_type(":Deployment"):
            access.apply([dict(each.inputs)])
            name = each.inputs["metadata"]["name"]
            access.run("rollout", "status", f"--namespace={namespace}", f"deployment/{name}")
        found = placed(access, namespace)
        assert len(found) == servers
        assert {node.removeprefix(f"{namespace}-") for node in found.values()} == expected


def placed(access: Access, namespace: str) -> dict[str, str]:
    """The node of each server that runs, by its Deployment's name."""
    pods = json.loads(access.run("get", "pods", f"--namespace={namespace}", "--output=json"))
    return {
        each["metadata"]["labels"]["app.kubernetes.io/instance"]: each["spec"]["nodeName"]
        for each in pods["items"]
        if each["spec"].get("nodeName") and each["status"]["phase"] == "Running"
    }


@contextmanager
def new_nodes(
    access: Access,
    labels: Mapping[str, Mapping[str, str]],
    *,
    taints: Iterable[Mapping[str, str]] = (),
    cpu: Mapping[str, str] | None = None,
) -> Generator[None]:
    """Simulated nodes beside those that are there, by name, with labels of their own."""
    [some, *_] = json.loads(access.run("get", "nodes", "--output=json"))["items"]
    objects: list[Manifest] = []
    for name, own in labels.items():
        metadata = {
            "name": name,
            "labels": {**some["metadata"]["labels"], "kubernetes.io/hostname": name, **own},
            "annotations": some["metadata"]["annotations"],
        }
        room = {**some["status"]["allocatable"], "cpu": (cpu or {}).get(name, "32")}
        room["memory"] = f"{4 * int(room['cpu'])}Gi"
        status = {**some["status"], "allocatable": room, "capacity": room}
        spec = {"taints": list(taints)}
        objects.append({"apiVersion": "v1", "kind": "Node", "metadata": metadata,
                        "spec": spec, "status": status})  # fmt: skip
    access.run("create", "--filename=-", stdin=listed(objects))
    try:
        yield
    finally:
        access.run("delete", "nodes", *labels, "--wait=false")


@contextmanager
def policy(access: Access, name: str, namespace: str, rules: Mapping[str, str]) -> Generator[None]:
    """A policy for the pods of one namespace: what each rule is called, and its expression."""
    api = "admissionregistration.k8s.io/v1"
    where = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    resources = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                 "resources": ["pods"]}  # fmt: skip
    objects: list[Manifest] = [
        {
            "apiVersion": api,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [resources]},
                "validations": [
                    {"expression": expression, "message": rule}
                    for rule, expression in rules.items()
                ],
            },
        },
        {
            "apiVersion": api,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {
                "policyName": name,
                "validationActions": ["Deny"],
                "matchResources": {"namespaceSelector": where},
            },
        },
    ]
    access.apply(objects)
    try:
        yield
    finally:
        access.run("delete", "--filename=-", stdin=listed(objects))


def await_refusals(access: Access, pods: list[Manifest]) -> list[str]:
    """What is said of pods, as soon as a new policy is in force."""
    wait_until(lambda: refusals(access, pods))
    wait_until(lambda: len(refusals(access, pods)) >= len(pods))
    return refusals(access, pods)
