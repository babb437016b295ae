"""Who may wear a tenant's label, under deploy/admission-policy.yaml on the real API server.

The policies and servers are what the program describes to the engine, applied by the administrator.
The stranger may do everything with pods and with what makes pods, in all three namespaces, and
nothing with NetworkPolicies.
"""

import json
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import pytest

from sandbox.layout import PROJECT
from tests.access import Access
from tests.components.stack import graph_of
from tests.waiting import within

SERVERS, CLIENTS, ELSEWHERE = "labels", "labels-clients", "labels-elsewhere"
ACME = {"tenant-id": "acme"}
ACME_SERVER = {"app": "nats", "tenant-id": "acme", "instance-num": "1"}

TENANTS = {
    "acme": {"clients": {"namespaces": (CLIENTS,), "serviceAccounts": (f"{CLIENTS}/worker",)}},
    "globex": {"clients": {"namespaces": (CLIENTS,)}},
}

PODS = {"serviceAccountName": "nats", "labels": {"cost-center": "a"}}
"""The servers' account is not one that a tenant lists: they are admitted as servers."""

Controllers = Mapping[str, Sequence[str]]
"""A controller's name → the options by which kubectl acts as it."""


def impersonating(user: str) -> tuple[str, ...]:
    # With all rights, as a controller manager has that uses its own name for everything. The
    # policy sees only the name.
    return f"--as={user}", "--as-group=system:masters"


_NAMES = ("replicaset", "job", "statefulset", "daemon-set", "replication")
CONTROLLERS = [
    pytest.param(
        {
            name: impersonating(f"system:serviceaccount:kube-system:{name}-controller")
            for name in _NAMES
        },
        id="with --use-service-account-credentials",
    ),
    pytest.param(
        dict.fromkeys(_NAMES, impersonating("system:kube-controller-manager")), id="without"
    ),
]


@pytest.fixture(scope="module", autouse=True)
def stranger(access: Access, tmp_path_factory: pytest.TempPathFactory) -> Generator[Access]:
    """The stranger, among two tenants' servers and an older pod, with the policy in force."""
    for name in (SERVERS, CLIENTS, ELSEWHERE):
        access.new_namespace(name)
    access.apply([account(CLIENTS, "worker"), account(SERVERS, "worker"), account(SERVERS, "nats")])
    access.apply([account(ELSEWHERE, "stranger"), *powers()])
    access.apply([pod(SERVERS, "plain"), pod(CLIENTS, "plain"), pod(CLIENTS, "elder", ACME)])
    graph = graph_of(TENANTS, sizes={}, namespace=SERVERS, namespaceMode="existing", pod=PODS)
    access.apply([dict(each.inputs) for each in graph.resources if "kind" in each.inputs])
    manifest = (PROJECT / "deploy" / "admission-policy.yaml").read_text()
    manifest = manifest.replace("vrsky-tenants", SERVERS)
    access.apply(manifest)
    for tenant in ("acme", "globex"):
        access.run("rollout", "status", f"--namespace={SERVERS}", f"deployment/nats-{tenant}-1")
    stranger = access.as_account(ELSEWHERE, "stranger", tmp_path_factory.mktemp("stranger"))
    await_the_policies(stranger)
    yield stranger
    access.run("delete", "--filename=-", stdin=manifest)
    access.run("delete", "namespace", SERVERS, CLIENTS, ELSEWHERE, "--wait=false")


@pytest.mark.parametrize(
    ("namespace", "service_account", "labels"),
    [
        pytest.param(CLIENTS, "worker", ACME, id="an account that the tenant lists"),
        pytest.param(CLIENTS, "default", {"tenant-id": "globex"}, id="a tenant that lists none"),
        pytest.param(SERVERS, "default", {"tenant-id": "globex"}, id="the same, by the servers"),
        pytest.param(
            SERVERS,
            "default",
            {**ACME_SERVER, "tenant-id": "globex"},
            id="a server of a tenant that lists none",
        ),
        pytest.param(SERVERS, "default", {"tenant-id": "hooli"}, id="no tenant"),
        pytest.param(SERVERS, "default", {"app": "nats"}, id="no tenant's label"),
        pytest.param(ELSEWHERE, "default", ACME, id="where the label opens nothing"),
    ],
)
def test_a_pod_is_admitted(
    stranger: Access, namespace: str, service_account: str, labels: dict[str, str]
) -> None:
    assert refusal_of(stranger, pod(namespace, "new", labels, service_account)) == ""


@pytest.mark.parametrize(
    ("namespace", "service_account", "labels", "words"),
    [
        pytest.param(
            CLIENTS, "default", ACME, f"{CLIENTS}/default is not one of them", id="no account"
        ),
        pytest.param(
            SERVERS,
            "worker",
            ACME,
            f"{SERVERS}/worker is not one of them",
            id="an account of that name in another namespace",
        ),
        pytest.param(
            CLIENTS,
            "default",
            ACME_SERVER,
            f"{CLIENTS}/default is not one of them",
            id="a server's labels among the clients",
        ),
        pytest.param(
            SERVERS,
            "default",
            {"app": "nats", **ACME},
            "only its ReplicaSet makes one",
            id="a server's labels among the servers",
        ),
        pytest.param(
            SERVERS,
            "default",
            ACME_SERVER,
            "only its ReplicaSet makes one",
            id="the labels by which the Service finds its server",
        ),
    ],
)
def test_a_pod_is_refused(
    stranger: Access, namespace: str, service_account: str, labels: dict[str, str], words: str
) -> None:
    assert words in refusal_of(stranger, pod(namespace, "new", labels, service_account))


@pytest.mark.parametrize("subresource", ["", "status"])
@pytest.mark.parametrize("namespace", [SERVERS, CLIENTS])
def test_a_pod_that_is_there_gets_no_tenants_label(
    stranger: Access, namespace: str, subresource: str
) -> None:
    said = relabelled(stranger, namespace, "plain", subresource, **ACME)
    assert "is not one of them" in said


def test_a_binding_gives_a_pod_no_tenants_label(stranger: Access) -> None:
    assert "a binding gives no pod a tenant's label" in bound(stranger)


@pytest.mark.parametrize("subresource", ["", "status"])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"app": None}, id="out of the sight of the tenant's policy"),
        pytest.param({"app": None, "tenant-id": None}, id="out of the sight of every policy"),
        pytest.param({"tenant-id": "globex"}, id="to another tenant"),
        pytest.param({"instance-num": "2"}, id="to another Service"),
    ],
)
def test_a_server_keeps_the_labels_that_select_it(
    access: Access, stranger: Access, subresource: str, change: dict[str, str | None]
) -> None:
    said = relabelled(stranger, SERVERS, server(access, "acme"), subresource, **change)
    assert "denied request" in said


def test_a_server_of_a_tenant_that_lists_no_accounts_is_as_it_was_before(
    access: Access, stranger: Access
) -> None:
    assert relabelled(stranger, SERVERS, server(access, "globex"), "", app=None) == ""


def test_other_labels_of_a_server_may_change(access: Access, stranger: Access) -> None:
    assert relabelled(stranger, SERVERS, server(access, "acme"), "", team="any") == ""


@pytest.mark.parametrize("subresource", ["", "status"])
def test_a_pod_that_wore_the_label_before_the_tenant_listed_accounts_lives_on(
    stranger: Access, subresource: str
) -> None:
    assert relabelled(stranger, CLIENTS, "elder", subresource, team="any") == ""


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet"])
def test_nobody_else_has_a_controller_make_servers(stranger: Access, kind: str) -> None:
    said = refusal_of(stranger, maker(kind, "impostor", ACME_SERVER))
    assert f"is for those who may write NetworkPolicies in {SERVERS}" in said


def test_nobody_else_changes_what_a_server_runs(stranger: Access) -> None:
    assert "is for those who may write NetworkPolicies" in image_changed(stranger)


def test_who_may_write_network_policies_may_change_what_a_server_runs(access: Access) -> None:
    assert image_changed(access) == ""


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        pytest.param("StatefulSet", ACME_SERVER, id="a server's labels by a StatefulSet"),
        pytest.param("DaemonSet", ACME_SERVER, id="a server's labels by a DaemonSet"),
        pytest.param("Job", ACME_SERVER, id="a server's labels by a Job"),
        pytest.param("ReplicationController", ACME_SERVER, id="by a ReplicationController"),
        pytest.param("Deployment", {**ACME, "app": "worker"}, id="no account of the tenant"),
    ],
)
def test_what_a_controller_makes_is_refused_as_well(
    access: Access, stranger: Access, kind: str, labels: dict[str, str]
) -> None:
    name = f"by-{kind.lower()}"
    stranger.apply([maker(kind, name, labels)])
    assert "denied request" in failed_creation(access, name)


@pytest.mark.parametrize("controllers", CONTROLLERS)
def test_a_replicaset_makes_servers_whatever_name_its_controller_has(
    access: Access, controllers: Controllers
) -> None:
    made = owned(pod(SERVERS, "new", ACME_SERVER), "apps/v1", "ReplicaSet")
    assert refusal_of(access, made, *controllers["replicaset"]) == ""


@pytest.mark.parametrize("controllers", CONTROLLERS)
@pytest.mark.parametrize(
    ("version", "kind", "controller"),
    [
        ("batch/v1", "Job", "job"),
        ("apps/v1", "StatefulSet", "statefulset"),
        ("apps/v1", "DaemonSet", "daemon-set"),
        ("v1", "ReplicationController", "replication"),
    ],
)
def test_no_other_kind_makes_servers_whatever_name_its_controller_has(
    access: Access, controllers: Controllers, version: str, kind: str, controller: str
) -> None:
    made = owned(pod(SERVERS, "new", ACME_SERVER), version, kind)
    said = refusal_of(access, made, *controllers[controller])
    assert "only its ReplicaSet makes one" in said


@pytest.mark.parametrize("controllers", CONTROLLERS)
@pytest.mark.parametrize(
    ("version", "kind", "controller"),
    [("batch/v1", "Job", "job"), ("apps/v1", "StatefulSet", "statefulset")],
)
def test_every_kind_makes_workers_with_an_account_that_the_tenant_lists(
    access: Access, controllers: Controllers, version: str, kind: str, controller: str
) -> None:
    listed, unlisted = (
        owned(pod(CLIENTS, "new", ACME, service_account), version, kind)
        for service_account in ("worker", "default")
    )
    assert refusal_of(access, listed, *controllers[controller]) == ""
    assert "is not one of them" in refusal_of(access, unlisted, *controllers[controller])


@pytest.mark.parametrize(
    ("version", "kind", "is_controller"),
    [
        pytest.param("apps/v1", "ReplicaSet", False, id="an owner that is not its controller"),
        pytest.param("example.com/v1", "ReplicaSet", True, id="another API's ReplicaSet"),
    ],
)
def test_what_only_resembles_a_replicaset_makes_no_server(
    access: Access, version: str, kind: str, is_controller: bool
) -> None:
    made = owned(pod(SERVERS, "new", ACME_SERVER), version, kind, is_controller=is_controller)
    said = refusal_of(access, made, *impersonating("system:kube-controller-manager"))
    assert "only its ReplicaSet makes one" in said


def test_a_pod_of_no_owner_is_no_server_whoever_makes_it(access: Access) -> None:
    made = pod(SERVERS, "new", ACME_SERVER)
    said = refusal_of(access, made, *impersonating("system:kube-controller-manager"))
    assert "only its ReplicaSet makes one" in said


def test_an_owner_that_the_stranger_writes_proves_nothing(stranger: Access) -> None:
    made = owned(pod(SERVERS, "new", ACME_SERVER), "apps/v1", "ReplicaSet")
    assert "only its ReplicaSet makes one" in refusal_of(stranger, made)
    made = owned(maker("ReplicaSet", "new", ACME_SERVER), "apps/v1", "Deployment")
    assert "is for those who may write NetworkPolicies" in refusal_of(stranger, made)


def test_the_policies_are_well_typed(access: Access) -> None:
    for name in ("tenant-nats-pods", "tenant-nats-servers", "tenant-nats-bindings"):
        assert type_checked(access, name) == {}


def account(namespace: str, name: str) -> dict[str, Any]:
    metadata = {"namespace": namespace, "name": name}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def powers() -> list[dict[str, Any]]:
    """What the stranger may do."""
    api = "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "name": "stranger", "namespace": ELSEWHERE}
    pods = ["pods", "pods/status", "pods/binding", "configmaps", "services"]
    pods += ["replicationcontrollers"]
    rules = [
        {"apiGroups": [""], "resources": pods, "verbs": ["*"]},
        {"apiGroups": ["apps", "batch"], "resources": ["*"], "verbs": ["*"]},
    ]
    objects: list[dict[str, Any]] = []
    for namespace in (SERVERS, CLIENTS, ELSEWHERE):
        head = {
            "apiVersion": f"{api}/v1",
            "metadata": {"name": "stranger", "namespace": namespace},
        }
        role = {"apiGroup": api, "kind": "Role", "name": "stranger"}
        objects.append({**head, "kind": "Role", "rules": rules})
        objects.append({**head, "kind": "RoleBinding", "roleRef": role, "subjects": [subject]})
    return objects


def spec_of(service_account: str = "default") -> dict[str, Any]:
    containers = [{"name": "any", "image": "any"}]
    return {"serviceAccountName": service_account, "containers": containers}


def pod(
    namespace: str,
    name: str,
    labels: dict[str, str] | None = None,
    service_account: str = "default",
) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "labels": labels or {}},
        "spec": spec_of(service_account),
    }


def maker(kind: str, name: str, labels: dict[str, str]) -> dict[str, Any]:
    """What makes a pod with these labels among the servers."""
    spec: dict[str, Any] = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": spec_of()},
    }
    version = "apps/v1"
    if kind == "Job":
        version = "batch/v1"
        del spec["selector"]  # the API server makes one
        spec["template"]["spec"]["restartPolicy"] = "Never"
    elif kind == "ReplicationController":
        version, spec["selector"] = "v1", labels
    metadata = {"namespace": SERVERS, "name": name}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def owned(
    manifest: dict[str, Any], version: str, kind: str, *, is_controller: bool = True
) -> dict[str, Any]:
    """An object as the controller of such an owner makes it."""
    owner = {"apiVersion": version, "kind": kind, "name": "any", "uid": "any"}
    owner |= {"controller": is_controller}
    return {**manifest, "metadata": {**manifest["metadata"], "ownerReferences": [owner]}}


def refusal_of(who: Access, manifest: dict[str, Any], *options: str) -> str:
    """What the API server says to an object that it is not to make; nothing where it would."""
    return who.ask(
        "create", "--dry-run=server", "--filename=-", *options, stdin=json.dumps(manifest)
    ).stderr


def relabelled(
    who: Access, namespace: str, name: str, subresource: str, **labels: str | None
) -> str:
    """What the API server says to other labels of a pod; nothing where it would change them."""
    patch = json.dumps({"metadata": {"labels": labels}})
    where = [f"--subresource={subresource}"] if subresource else []
    return who.ask(
        "patch", "pod", name, f"--namespace={namespace}", "--dry-run=server", "--type=merge",
        f"--patch={patch}", *where,
    ).stderr  # fmt: skip


def bound(who: Access) -> str:
    """What the API server says to a tenant's label by way of a Binding."""
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "plain", "namespace": SERVERS, "labels": ACME},
        "target": {"kind": "Node", "name": "any"},
    }
    return who.ask(
        "create", f"--raw=/api/v1/namespaces/{SERVERS}/pods/plain/binding?dryRun=All",
        "--filename=-", stdin=json.dumps(binding),
    ).stderr  # fmt: skip


def image_changed(who: Access) -> str:
    """What the API server says to another image of a server."""
    return who.ask(
        "set", "image", "deployment/nats-acme-1", "nats=evil", f"--namespace={SERVERS}",
        "--dry-run=server",
    ).stderr  # fmt: skip


def server(access: Access, tenant: str) -> str:
    """The name of the pod of a tenant's server."""
    return access.run(
        "get", "pods", f"--namespace={SERVERS}", f"--selector=app=nats,tenant-id={tenant}",
        "--output=jsonpath={.items[0].metadata.name}",
    )  # fmt: skip


@within(120).wraps
def await_the_policies(stranger: Access) -> None:
    """The API server reads what was applied a moment later."""
    # By their words: one whose parameters it has not read yet denies everything.
    assert "is not one of them" in refusal_of(stranger, pod(SERVERS, "new", ACME))
    assert "denied request" in refusal_of(stranger, maker("Deployment", "new", ACME_SERVER))
    assert "denied request" in bound(stranger)
    assert refusal_of(stranger, pod(CLIENTS, "new", ACME, "worker")) == ""


@within(120).wraps
def failed_creation(access: Access, name: str) -> str:
    """Why the controller of a maker could not make its pod."""
    events = access.run(
        "get", "events", f"--namespace={SERVERS}", "--field-selector=reason=FailedCreate",
        "--output=json",
    )  # fmt: skip
    messages = [
        event["message"]
        for event in json.loads(events)["items"]
        if event["involvedObject"]["name"].startswith(name)
    ]
    assert messages, "its controller has not tried yet"
    return messages[0]


@within(120).wraps
def type_checked(access: Access, policy: str) -> Any:
    """What the API server's own check of types has found in a policy."""
    answer = access.run("get", "validatingadmissionpolicy", policy, "--output=json")
    return json.loads(answer)["status"]["typeChecking"]
