"""What the plan makes of an inventory: counts, names, addresses, literally."""

from collections.abc import Mapping
from dataclasses import FrozenInstanceError

import pytest

from tenancy.inventory.models import Inventory, Resources
from tenancy.plan.plan import InstancePlan, Plan, TenantPlan, expand

LARGE = {
    "requests": {"cpu": "2", "memory": "4Gi"},
    "limits": {"cpu": "4", "memory": "8Gi"},
    "maxPayload": "512KB",
    "maxConnections": 2000,
    "capacity": 100,
}


OLD = "UAF5NY6LUVMB7YNAD5WSTVVIKUAD3MNAHWXZ2K3EXCQ6Q3EMR4NPSPPQ"
NEW = "UDFNOP23RELGNYA55AGILZX5TZNMX4MSASY6KSG2UPC5P4A434VL7HKJ"


def planned(
    tenants: Mapping[str, object],
    *,
    large: Mapping[str, object] = LARGE,
    namespace: str = "vrsky-tenants",
) -> Plan:
    """The plan of `tenants` by id, who may be of size `large`."""
    inventory = Inventory.model_validate({"tenants": tenants, "sizes": {"large": large}})
    return expand(inventory, namespace=namespace)


def numbers(plan: Plan) -> dict[str, list[int]]:
    return {
        tenant.id: [instance.number for instance in tenant.instances] for tenant in plan.tenants
    }


def test_eighty_integrations_need_two_standard_servers() -> None:
    plan = planned({"acme-corp": {"integrations": 80}})
    assert [instance.url for instance in plan.tenants[0].instances] == [
        "nats://nats-acme-corp-1.vrsky-tenants.svc.cluster.local:4222",
        "nats://nats-acme-corp-2.vrsky-tenants.svc.cluster.local:4222",
    ]


def test_the_whole_plan_of_one_standard_server() -> None:
    expected = Plan(
        namespace="vrsky-tenants",
        domain="vrsky-tenants.svc.cluster.local:4222",
        tenants=(
            TenantPlan(
                state="active",
                domain="vrsky-tenants.svc.cluster.local:4222",
                capacity=50,
                placement="pack",
                id="demo-tenant",
                instances=(
                    InstancePlan(
                        tenant="demo-tenant",
                        number=1,
                        name="nats-demo-tenant-1",
                        dns_name="nats-demo-tenant-1.vrsky-tenants.svc.cluster.local:4222",
                        url="nats://nats-demo-tenant-1.vrsky-tenants.svc.cluster.local:4222",
                        config=(
                            'server_name: "nats-demo-tenant-1"\nport: 4222\nhttp_port: 8222\n'
                            "max_payload: 8MB\nmax_connections: 1000\nmax_pending: 16MB\n"
                        ),
                        config_map_name="nats-demo-tenant-1-69d13776",
                        tls_secret=None,
                        requests=Resources(cpu="1", memory="2Gi"),
                        limits=Resources(cpu="2", memory="4Gi"),
                        gomemlimit="3276MiB",
                        node_selector={},
                        tolerations=(),
                        priority_class_name=None,
                    ),
                ),
                client_namespaces=(),
                client_service_accounts=(),
                nkeys=(),
                egress="dns",
            ),
        ),
    )
    assert expected == planned({"demo-tenant": {}})


def test_a_size_reaches_the_configuration_and_the_resources() -> None:
    (tenant,) = planned({"globex": {"size": "large"}}).tenants
    (instance,) = tenant.instances
    assert instance.config == (
        'server_name: "nats-globex-1"\nport: 4222\nhttp_port: 8222\n'
        "max_payload: 512KB\nmax_connections: 2000\nmax_pending: 1MB\n"
    )
    assert instance.requests == Resources(cpu="2", memory="4Gi")
    assert instance.limits == Resources(cpu="4", memory="8Gi")
    assert instance.gomemlimit == "6553MiB"


@pytest.mark.parametrize(
    ("tenant", "expected"),
    [
        pytest.param({}, [1], id="nothing said"),
        pytest.param({"integrations": 50}, [1], id="one full server"),
        pytest.param({"integrations": 51}, [1, 2], id="one integration too many"),
        pytest.param({"integrations": 51, "size": "large"}, [1], id="a larger size"),
        pytest.param({"integrations": 51, "instances": 2}, [1, 2], id="as many as needed"),
        pytest.param({"integrations": 42, "instances": 3}, [1, 2, 3], id="more than needed"),
    ],
)
def test_instances_are_numbered_from_1_without_gaps(
    tenant: dict[str, object], expected: list[int]
) -> None:
    assert numbers(planned({"acme": tenant})) == {"acme": expected}


def test_growing_and_shrinking_leave_the_lower_numbers_as_they_are() -> None:
    (three,) = planned({"acme": {"instances": 3}}).tenants
    (two,) = planned({"acme": {"instances": 2}}).tenants
    assert three.instances[:2] == two.instances


def test_tenants_and_client_namespaces_come_in_the_order_of_their_names() -> None:
    plan = planned(
        {
            "zeta": {"clients": {"namespaces": ("zeta-workers", "zeta-jobs")}},
            "acme": {},
            "acme-2": {"egress": "open"},
        }
    )
    assert [(tenant.id, tenant.client_namespaces, tenant.egress) for tenant in plan.tenants] == [
        ("acme", (), "dns"),
        ("acme-2", (), "open"),
        ("zeta", ("zeta-jobs", "zeta-workers"), "dns"),
    ]


def test_service_accounts_come_in_the_order_of_their_names() -> None:
    accounts = ("acme-workers/importer", "acme-jobs/nightly")
    (tenant,) = planned({"acme": {"clients": {"serviceAccounts": accounts}}}).tenants
    assert tenant.client_service_accounts == ("acme-jobs/nightly", "acme-workers/importer")


def test_a_tenant_with_a_certificate_is_reached_by_tls_on_the_same_port() -> None:
    (tenant,) = planned({"acme": {"tls": {"secretName": "acme-tls"}, "instances": 2}}).tenants
    assert [(instance.url, instance.tls_secret) for instance in tenant.instances] == [
        ("tls://nats-acme-1.vrsky-tenants.svc.cluster.local:4222", "acme-tls"),
        ("tls://nats-acme-2.vrsky-tenants.svc.cluster.local:4222", "acme-tls"),
    ]
    assert tenant.instances[0].dns_name == "nats-acme-1.vrsky-tenants.svc.cluster.local:4222"


def test_each_step_of_a_rotation_rolls_the_servers_and_the_order_of_keys_does_not() -> None:
    names = [
        planned({"acme": {"clients": {"nkeys": keys}}}).tenants[0].instances[0].config_map_name
        for keys in ((OLD,), (OLD, NEW), (NEW, OLD), (NEW,))
    ]
    assert names[1] == names[2]
    assert len(set(names)) == 3


def test_the_name_of_the_secret_is_no_part_of_the_configuration() -> None:
    first, second = (
        planned({"acme": {"tls": {"secretName": name}}}).tenants[0].instances[0]
        for name in ("acme-tls", "acme-tls-2")
    )
    assert first.config == second.config


def test_the_namespace_is_part_of_every_address_and_of_nothing_else() -> None:
    (here,) = planned({"acme": {}}).tenants[0].instances
    (there,) = planned({"acme": {}}, namespace="other").tenants[0].instances
    assert there.url == "nats://nats-acme-1.other.svc.cluster.local:4222"
    assert there.dns_name == "nats-acme-1.other.svc.cluster.local:4222"
    assert (here.name, here.config_map_name, here.config) == (
        there.name,
        there.config_map_name,
        there.config,
    )


@pytest.mark.parametrize(
    ("changed", "rolls"),
    [
        pytest.param({"maxPayload": "513KB"}, True, id="the payload"),
        pytest.param({"maxConnections": 2001}, True, id="the connections"),
        pytest.param({"maxPending": "3MB"}, True, id="what may wait"),
        pytest.param({"maxPending": "1MB"}, False, id="what may wait, said and not derived"),
        pytest.param(
            {"limits": {"cpu": "4", "memory": "32Gi"}}, True, id="what follows from memory"
        ),
        pytest.param({"capacity": 99}, False, id="the capacity, which no server knows"),
        pytest.param(
            {"limits": {"cpu": "4", "memory": "9Gi"}}, False, id="the limits, which the pod has"
        ),
    ],
)
def test_the_config_map_gets_a_new_name_when_its_content_changes(
    changed: dict[str, object], *, rolls: bool
) -> None:
    tenants = {"globex": {"size": "large"}}
    (before,) = planned(tenants).tenants[0].instances
    (after,) = planned(tenants, large={**LARGE, **changed}).tenants[0].instances
    assert rolls == (before.config_map_name != after.config_map_name)


@pytest.mark.parametrize(
    ("memory", "expected"),
    [("64Mi", "51MiB"), ("512Mi", "409MiB"), ("1Gi", "819MiB"), ("4Gi", "3276MiB")],
)
def test_the_go_runtime_aims_at_80_percent_of_the_memory(memory: str, expected: str) -> None:
    large = {
        "requests": {"cpu": "1", "memory": "64Mi"},
        "limits": {"cpu": "1", "memory": memory},
    }
    (instance,) = planned({"acme": {"size": "large"}}, large=large).tenants[0].instances
    assert expected == instance.gomemlimit


def test_a_plan_cannot_be_changed() -> None:
    plan = planned({"acme": {}})
    with pytest.raises(FrozenInstanceError):
        plan.namespace = "other"  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(FrozenInstanceError):
        plan.tenants[0].instances[0].number = 2  # pyright: ignore[reportAttributeAccessIssue]
