"""The rules of the table, by literals: every kind of source, and what each is to reach."""

import pytest

from tenancy.inventory.models import Inventory
from tenancy.plan.plan import Plan, expand
from tests.isolation.truth import (
    CLIENTS,
    PORTS,
    Cell,
    Place,
    Port,
    cells,
    is_open,
    served,
    sources,
    strays,
    targets,
    wrong,
)

TENANTS = {
    "acme": {"instances": 2, "clients": {"namespaces": ("acme-workers",)}},
    "globex": {"egress": "open"},
    "hooli": {"egress": "none"},
    "gone": {"state": "decommissioned"},
}
MONITORED = Port("TCP", 8222)
METRICS = Port("TCP", 7777)
OTHER = Port("TCP", 6222)
DNS_UDP = Port("UDP", 53)


def plan() -> Plan:
    return expand(Inventory.model_validate({"tenants": TENANTS}), namespace="servers")


def place(name: str) -> Place:
    servers = [
        Place(
            name=f"nats-{tenant}-{number}",
            endpoint=f"servers/nats-{tenant}-{number}-x",
            namespace="servers",
            tenant=tenant,
            is_server=True,
        )
        for tenant, number in (("acme", 1), ("acme", 2), ("globex", 1), ("hooli", 1))
    ]
    places = [*servers, *strays(plan()), *sources(plan()), *targets()]
    return next(each for each in places if each.name == name)


@pytest.mark.parametrize(
    ("source", "open_ports"),
    [
        ("worker of acme in servers", [CLIENTS]),
        ("worker of acme in acme-workers", [CLIENTS]),
        ("worker of globex in servers", []),
        ("worker of globex in acme-workers", []),
        ("impostor of acme", []),
        ("unlabelled pod in servers", []),
        ("unlabelled pod in acme-workers", []),
        ("monitoring", [MONITORED, METRICS]),
        ("kube-system", []),
        ("outside", []),
        ("nats-acme-2", []),
        ("nats-globex-1", []),
        ("stray server of nobody", []),
    ],
)
def test_who_is_to_reach_a_server_of_acme(source: str, open_ports: list[Port]) -> None:
    server = place("nats-acme-1")
    found = [port for port in PORTS if is_open(served(plan()), place(source), server, port)]
    assert found == open_ports


def test_a_namespace_that_another_tenant_lists_is_none_of_ours() -> None:
    worker = place("worker of globex in acme-workers")
    assert not is_open(served(plan()), worker, place("nats-globex-1"), CLIENTS)


@pytest.mark.parametrize(
    ("target", "open_ports"),
    [
        ("DNS", [DNS_UDP, Port("TCP", 53)]),
        ("false DNS", []),
        ("API server", []),
        ("Postgres", []),
        ("metadata", []),
        ("outside", []),
    ],
)
def test_what_a_server_is_to_reach(target: str, open_ports: list[Port]) -> None:
    server = place("nats-acme-1")
    assert [
        port for port in PORTS if is_open(served(plan()), server, place(target), port)
    ] == open_ports


def test_a_server_with_open_egress_reaches_everything_that_lets_it_in() -> None:
    server = place("nats-globex-1")
    for target in targets():
        assert all(is_open(served(plan()), server, target, port) for port in PORTS)
    assert not any(is_open(served(plan()), server, place("nats-acme-1"), port) for port in PORTS)


def test_a_server_without_egress_reaches_nothing_and_is_reached_as_any_other() -> None:
    server = place("nats-hooli-1")
    for target in (*targets(), place("nats-acme-1")):
        assert not any(is_open(served(plan()), server, target, port) for port in PORTS)
    assert is_open(served(plan()), place("worker of hooli in servers"), server, CLIENTS)
    assert is_open(served(plan()), place("monitoring"), server, MONITORED)


@pytest.mark.parametrize("stray", ["stray server of gone", "stray server of nobody"])
def test_a_server_of_a_tenant_without_instances_is_closed_both_ways(stray: str) -> None:
    server = place(stray)
    for port in PORTS:
        assert not any(is_open(served(plan()), source, server, port) for source in sources(plan()))
        assert not any(is_open(served(plan()), server, target, port) for target in targets())


def test_what_is_no_server_is_left_alone() -> None:
    unlabelled = place("unlabelled pod in servers")
    for target in targets():
        assert all(is_open(served(plan()), unlabelled, target, port) for port in PORTS)


def test_the_table_asks_every_source_of_every_target_on_every_port() -> None:
    servers = [place("nats-acme-1"), place("nats-acme-2"), place("nats-globex-1")]
    table = list(cells(plan(), servers))
    assert len(set(table)) == len(table)
    asked = {(cell.source.name, cell.target.name) for cell in table}
    assert ("worker of globex in servers", "nats-acme-2") in asked
    assert ("nats-acme-1", "nats-acme-2") in asked
    assert ("nats-acme-1", "stray server of gone") in asked
    assert ("nats-acme-1", "metadata") in asked
    assert ("outside", "nats-globex-1") in asked
    assert ("nats-acme-1", "nats-acme-1") not in asked, "a pod always reaches itself"
    assert ("outside", "metadata") not in asked, "no policy stands between two addresses"
    assert len(table) == len(asked) * len(PORTS)


def test_a_wrong_cell_is_told_with_both_ends_its_ports_and_what_it_is() -> None:
    worker, server = place("worker of globex in servers"), place("nats-acme-1")
    own = place("worker of acme in servers")
    table = [
        Cell(worker, server, CLIENTS, is_open=False),
        Cell(worker, server, MONITORED, is_open=False),
        Cell(worker, server, OTHER, is_open=False),
        Cell(own, server, CLIENTS, is_open=True),
    ]
    openings = {
        (worker.endpoint, server.endpoint, CLIENTS),
        (worker.endpoint, server.endpoint, MONITORED),
    }

    def reaches(source: str, target: str, port: Port) -> bool:
        return (source, target, port) in openings

    assert wrong(table, reaches) == [
        "worker of acme in servers -> nats-acme-1 is closed: TCP/4222",
        "worker of globex in servers -> nats-acme-1 is open: TCP/4222, TCP/8222",
    ]
