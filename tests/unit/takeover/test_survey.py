"""What of a namespace can be taken over, and how an object is handed over."""

import copy
from pathlib import Path
from typing import Any

import jsonpatch
import pytest

from tenancy.inventory.models import BUILT_IN_SIZES, Resources, Size
from tenancy.inventory.validation import parse
from tenancy.rows.snapshot import RecordedInstance, Snapshot
from tenancy.takeover.described import Described, inventory, size_of
from tenancy.takeover.handover import is_taken_over, patches
from tenancy.takeover.survey import Found, survey
from tests.unit.scaling.worlds import row

NAMESPACE = "vrsky-tenants"
STANDARD = {
    "requests": {"cpu": "1", "memory": "2Gi"},
    "limits": {"cpu": "2000m", "memory": "4096Mi"},
}


def managed(manager: str, operation: str, fields: dict[str, Any], **more: str) -> dict[str, Any]:
    return {
        "manager": manager,
        "operation": operation,
        "apiVersion": "apps/v1",
        "time": "2026-11-26T05:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
        **more,
    }


SCRIPT = managed("kubectl-client-side-apply", "Update", {"f:spec": {"f:replicas": {}}})
CONTROLLER = managed("kube-controller-manager", "Update", {"f:status": {}}, subresource="status")


def live(kind: str, name: str, spec: dict[str, Any], *managers: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "resourceVersion": "7",
            "labels": {"app": "nats"},
            "managedFields": list(managers or (SCRIPT, CONTROLLER)),
        },
        "spec": spec,
    }


def deployment(
    tenant: str = "acme",
    number: int = 1,
    *,
    name: str | None = None,
    selector: dict[str, str] | None = None,
    resources: dict[str, Any] | None = None,
    **pod: Any,
) -> dict[str, Any]:
    labels = {"app": "nats", "tenant-id": tenant, "instance-num": str(number)}
    container = {"name": "nats", "image": "nats:2.10", "resources": resources or STANDARD}
    spec = {
        "replicas": 1,
        "selector": {"matchLabels": labels if selector is None else selector},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [container], "restartPolicy": "Always", **pod},
        },
    }
    return live("Deployment", name or f"nats-{tenant}-{number}", spec)


def service(tenant: str = "acme", number: int = 1, **spec: Any) -> dict[str, Any]:
    selector = {"app": "nats", "tenant-id": tenant, "instance-num": str(number)}
    return live("Service", f"nats-{tenant}-{number}", {"selector": selector, **spec})


def policy(tenant: str = "acme", *sources: Any, egress: Any = ()) -> dict[str, Any]:
    return live(
        "NetworkPolicy",
        f"tenant-nats-isolation-{tenant}",
        {
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": list(sources)}] if sources else [],
            "egress": list(egress),
        },
    )


def found(*objects: dict[str, Any], rows: tuple[RecordedInstance, ...] = ()) -> Found:
    [tenant] = survey(objects, Snapshot(instances=rows), NAMESPACE).tenants
    return tenant


def test_what_the_scripts_made_as_they_should_has_nothing_in_its_way() -> None:
    tenant = found(deployment(), service(), policy(), rows=(row("acme", 1, 42),))
    assert tenant.obstacles == ()
    assert tenant.changes == ("gives nats-acme-1 the stack's `image` in place of nats:2.10",)
    assert tenant.restarts == ("nats-acme-1",)
    assert tenant.described.size == BUILT_IN_SIZES["standard"]
    assert inventory([tenant.described]) == "tenants:\n  acme: {integrations: 42}\n"
    assert [each.name for each in tenant.patches] == [
        "nats-acme-1",
        "nats-acme-1",
        "tenant-nats-isolation-acme",
    ]


@pytest.mark.parametrize(
    ("objects", "rows", "what"),
    [
        ([deployment(selector={"app": "nats"})], (), "Deployment nats-acme-1 selects app=nats, "),
        ([deployment(), service(clusterIP="None")], (), "Service nats-acme-1 is headless"),
        ([deployment(name="broker")], (), "another name than nats-acme-NUMBER"),
        (
            [deployment()],
            (
                RecordedInstance(
                    tenant_id="acme", instance_number=1, dns_name="other:4222", status="active"
                ),
            ),
            "the row of instance 1 is at other:4222",
        ),
    ],
    ids=["a selector", "a headless Service", "a name", "a row at another address"],
)
def test_what_stands_in_the_way_is_told_with_a_remedy_and_nothing_is_patched(
    objects: list[dict[str, Any]], rows: tuple[RecordedInstance, ...], what: str
) -> None:
    tenant = found(*objects, rows=rows)
    [obstacle] = tenant.obstacles
    assert what in obstacle.what
    assert obstacle.remedy
    assert tenant.patches == ()


def test_what_an_up_changes_is_told() -> None:
    namespaces = {"matchLabels": {"kubernetes.io/metadata.name": "acme-workers"}}
    own = {"matchLabels": {"tenant-id": "acme"}}
    tenant = found(
        deployment(tolerations=[{}]),
        deployment(number=3),
        service(type="NodePort"),
        policy(
            "acme",
            {"podSelector": own},
            {"podSelector": own, "namespaceSelector": namespaces},
            {"podSelector": {"matchLabels": {"app": "debug"}}},
            {"ipBlock": {"cidr": "10.0.0.0/8"}},
            egress=[{}],
        ),
        live("NetworkPolicy", "open", {"podSelector": {}, "policyTypes": ["Ingress"]}),
        live("NetworkPolicy", "other", {"podSelector": {"matchLabels": {"app": "web"}}}),
        rows=(row("acme", 1, 10), row("acme", 3, 0, "draining")),
    )
    assert tenant.described.client_namespaces == ("acme-workers",)
    assert tenant.described.instances == 3
    assert tenant.changes == (
        "makes nats-acme-2, which does not run",
        "gives nats-acme-1 the stack's `image` in place of nats:2.10",
        "takes from nats-acme-1 the pod's tolerations",
        "makes the Service nats-acme-3",
        "gives nats-acme-3 the stack's `image` in place of nats:2.10",
        "changes the Service nats-acme-1 from NodePort to ClusterIP, closed to the outside",
        "narrows what tenant-nats-isolation-acme lets out to DNS; a server opens no connection of "
        "its own",
        "removes from tenant-nats-isolation-acme what else it lets in: pods or namespaces by "
        "other labels, the addresses 10.0.0.0/8",
        "leaves the NetworkPolicy open: what it opens to these pods stays open",
        "inserts the row of instance 2",
        "sets the row of instance 3 to active",
    )


@pytest.mark.parametrize(
    ("metadata", "what"),
    [
        ({"annotations": {"meta.helm.sh/release-name": "nats"}}, "the Helm release nats, whose"),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "x:y"}}, "Argo CD (x:y), which would"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}, "Flux (apps), which would"),
        ({"ownerReferences": [{"kind": "Nats", "name": "mine"}]}, "belongs to Nats mine"),
        ({"finalizers": ["example.com/clean"]}, "somebody's finalizer example.com/clean"),
        ({"managedFields": [CONTROLLER]}, "does not know who has set the fields of Deployment"),
    ],
    ids=["Helm", "Argo CD", "Flux", "an operator", "a finalizer", "no managed fields"],
)
def test_what_is_somebody_elses_to_keep_is_not_handed_over(
    metadata: dict[str, Any], what: str
) -> None:
    owned = deployment()
    owned["metadata"] |= metadata
    tenant = found(owned, service(), policy())
    [obstacle] = tenant.obstacles
    assert what in obstacle.what
    assert tenant.patches == ()


def test_a_server_that_only_its_name_and_its_label_app_reveal_is_an_obstacle() -> None:
    bare = deployment(selector={"app": "nats"})
    bare["spec"]["template"]["metadata"]["labels"] = {"app": "nats"}
    [obstacle] = found(bare, rows=(row("acme", 1),)).obstacles
    assert "Deployment nats-acme-1 selects app=nats, " in obstacle.what


def test_a_service_whose_server_is_gone_is_taken_over_all_the_same() -> None:
    tenant = found(service(number=2))
    assert tenant.described.instances == 2
    assert [each.name for each in tenant.patches] == ["nats-acme-2"]
    assert survey([live("Service", "web-1", {})], Snapshot(), NAMESPACE).tenants == ()


def test_a_server_of_no_tenant_that_the_closing_policy_would_cut_off_is_told() -> None:
    other = deployment(name="nats")
    del other["spec"]["template"]["metadata"]["labels"]["tenant-id"]
    looked_at = survey([other], Snapshot(), NAMESPACE)
    assert (looked_at.tenants, looked_at.cut_off) == ((), ("nats",))


def test_a_deployment_that_only_sounds_like_a_server_is_left_alone() -> None:
    other = deployment(name="nats-exporter-1")
    other["spec"]["template"]["metadata"]["labels"] = {"app": "exporter"}
    assert survey([other], Snapshot(), NAMESPACE).tenants == ()


@pytest.mark.parametrize(
    ("resources", "size", "told"),
    [
        (
            {"requests": {"cpu": "0.5", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1G"}},
            (("500m", "1Gi"), ("1", "1Gi")),
            ["raises limits.memory to what is requested, 1Gi"],
        ),
        (
            {"limits": {"cpu": "1500m", "memory": "3221225472"}},
            (("1", "2Gi"), ("1500m", "3Gi")),
            [
                "gives nats-acme-1 requests.cpu 1, where it has none",
                "gives nats-acme-1 requests.memory 2Gi, where it has none",
            ],
        ),
        (
            {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"cpu": "1", "memory": "9Mi"}},
            (("1m", "1Mi"), ("1", "64Mi")),
            ["raises limits.memory to 64Mi, the least a server takes"],
        ),
    ],
    ids=["other notations", "missing", "too small"],
)
def test_a_size_is_made_of_the_resources_that_are_found(
    resources: dict[str, Any], size: tuple[tuple[str, str], tuple[str, str]], told: list[str]
) -> None:
    made, said = size_of([deployment(resources=resources)], fullest=0)
    requests, limits = (Resources(cpu=cpu, memory=memory) for cpu, memory in size)
    assert made == Size(requests=requests, limits=limits)
    assert said == told


def test_servers_of_one_tenant_get_the_size_of_the_largest_and_keep_all_integrations() -> None:
    larger = copy.deepcopy(STANDARD)
    larger["limits"]["memory"] = "8Gi"
    made, said = size_of([deployment(), deployment(number=2, resources=larger)], fullest=70)
    assert made.limits.memory == "8Gi"
    assert made.capacity == 70
    assert said == ["gives all servers limits.memory 8Gi; they have 4Gi and 8Gi"]


def test_what_is_written_is_an_inventory_that_says_the_same() -> None:
    odd = Size(
        requests=Resources(cpu="2", memory="4Gi"),
        limits=Resources(cpu="2", memory="4Gi"),
        capacity=80,
    )
    tenants = [
        Described(
            id=name, instances=instances, integrations=120, size=size, client_namespaces=namespaces
        )
        for name, instances, size, namespaces in (
            ("42", 3, BUILT_IN_SIZES["standard"], ("on", "acme-workers")),
            ("acme", 4, odd, ()),
            ("full", 1, odd, ()),
        )
    ]
    written = parse(Path("tenants.yaml"), inventory(tenants).encode())
    assert list(written.tenants) == ["42", "acme", "full"]
    assert written.tenants["42"].clients.namespaces == ("on", "acme-workers")
    assert written.size_of(written.tenants["acme"]) == odd
    assert written.tenants["acme"].instances == 4
    assert written.tenants["full"].integrations == 80, "more would ask for a second server"


def patched(thing: dict[str, Any]) -> dict[str, Any]:
    """The object as the API server has it after the patch."""
    for each in patches(thing):
        thing = jsonpatch.apply_patch(thing, list(each.operations))
    return thing


def test_a_patch_hands_over_what_one_person_has_set_and_nothing_of_a_controller() -> None:
    after = patched(deployment())
    manager, controller = after["metadata"]["managedFields"]
    assert (manager["manager"], manager["operation"]) == ("tenant-nats", "Apply")
    assert manager["fieldsV1"] == SCRIPT["fieldsV1"]
    assert controller == CONTROLLER
    assert after["metadata"]["labels"] == {
        "app": "nats",
        "app.kubernetes.io/part-of": "tenant-nats",
        "app.kubernetes.io/managed-by": "pulumi",
    }
    assert list(patches(after)) == [], "once is enough"


def test_a_patch_removes_the_block_of_a_rolling_update() -> None:
    thing = deployment()
    thing["spec"]["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%"}}
    after = patched(thing)
    assert after["spec"]["strategy"] == {"type": "Recreate"}
    assert list(patches(after)) == [], "once is enough"


def test_a_patch_hands_over_what_several_have_set_as_one() -> None:
    edited = managed("kubectl-edit", "Update", {"f:spec": {"f:paused": {}}, "f:metadata": {}})
    thing = deployment()
    thing["metadata"]["managedFields"] = [SCRIPT, CONTROLLER, edited]
    manager, controller = patched(thing)["metadata"]["managedFields"]
    assert manager["fieldsV1"] == {
        "f:spec": {"f:replicas": {}, "f:paused": {}},
        "f:metadata": {},
    }
    assert controller == CONTROLLER
    assert SCRIPT["fieldsV1"] == {"f:spec": {"f:replicas": {}}}, "what was looked at is as it was"


def test_a_patch_fits_only_what_was_looked_at() -> None:
    [patch] = patches(deployment())
    other = deployment()
    other["metadata"]["resourceVersion"] = "8"
    with pytest.raises(jsonpatch.JsonPatchTestFailed):
        jsonpatch.apply_patch(other, list(patch.operations))


def test_what_is_handed_over_is_taken_over_by_an_up_only() -> None:
    thing = patched(deployment())
    assert not is_taken_over(thing)
    manager = thing["metadata"]["managedFields"][0]
    manager["fieldsV1"]["f:metadata"] = {"f:annotations": {"f:pulumi.com/patchFieldManager": {}}}
    assert is_taken_over(thing)


def test_in_a_cluster_of_another_domain_rows_are_compared_with_its_addresses() -> None:
    there = RecordedInstance(
        tenant_id="acme", instance_number=1, status="active", integrations=42,
        dns_name=f"nats-acme-1.{NAMESPACE}.svc.corp.example:4222",
    )  # fmt: skip
    objects, table = [deployment(), service(), policy()], Snapshot(instances=(there,))
    [tenant] = survey(objects, table, NAMESPACE, "corp.example").tenants
    assert tenant.obstacles == ()
    [unmatched] = survey(objects, table, NAMESPACE).tenants
    [obstacle] = unmatched.obstacles
    assert obstacle.remedy.startswith(
        "If this cluster's domain is corp.example, give `--cluster-domain corp.example`. "
    )
