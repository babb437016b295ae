"""Integrations move with the rows of their instances, on a real Postgres."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from controlplane import store
from controlplane.connection import ControlPlaneError
from controlplane.store import InstanceRow
from tenancy.rows.placement import Move, Placement
from tests.controlplane.rows import (
    DOMAIN,
    ELSEWHERE,
    ONE,
    TWO,
    by_hand,
    execute,
    insert,
    placed,
    record,
)

THREE = InstanceRow(3, f"nats-acme-3.{DOMAIN}", "active")


def integrate(dsn: str, count: int, tenant_id: str = "acme") -> None:
    """Make that many integrations without an instance."""
    execute(
        dsn, "INSERT INTO integrations (tenant_id) SELECT %s FROM generate_series(1, %s)",
        tenant_id, count,
    )  # fmt: skip


def ids_on(dsn: str, number: int) -> list[int]:
    """The integrations on an instance of acme, as 1, 2, 3 in the order in which they were made."""
    [(first,)] = execute(dsn, "SELECT min(id) FROM integrations")
    rows = execute(
        dsn,
        "SELECT g.id FROM integrations g JOIN nats_instances i ON i.id = g.nats_instance_id "
        "WHERE i.tenant_id = 'acme' AND instance_number = %s ORDER BY 1",
        number,
    )
    return [row[0] - first + 1 for row in rows]


def statuses(dsn: str) -> dict[int, str]:
    rows = execute(dsn, "SELECT instance_number, status FROM nats_instances WHERE tenant_id='acme'")
    return dict(rows)


def test_past_fifty_the_second_instance_takes_the_unplaced_integrations(dsn: str) -> None:
    insert(dsn, "acme", ONE, integrations=50)
    integrate(dsn, 10)
    record(dsn, ONE, TWO, managed=[1])
    assert placed(dsn) == {1: 50, 2: 10}


def test_spreading_moves_the_newest_twenty_five_of_fifty(dsn: str) -> None:
    insert(dsn, "acme", ONE, integrations=50)
    record(dsn, ONE, TWO, managed=[1], placement="spread")
    assert (ids_on(dsn, 1), ids_on(dsn, 2)) == ([*range(1, 26)], [*range(26, 51)])


def test_where_not_all_find_room_the_oldest_do(dsn: str) -> None:
    integrate(dsn, 5)
    record(dsn, ONE, capacity=3)
    assert ids_on(dsn, 1) == [1, 2, 3]
    assert placed(dsn) == {1: 3, None: 2}


def test_back_to_one_all_move_and_the_row_goes(dsn: str) -> None:
    insert(dsn, "acme", ONE, integrations=20)
    insert(dsn, "acme", TWO, integrations=30)
    record(dsn, ONE, managed=[1, 2])
    assert (placed(dsn), statuses(dsn)) == ({1: 50}, {1: "active"})


def test_what_does_not_fit_is_one_line_and_changes_nothing(dsn: str) -> None:
    insert(dsn, "acme", ONE, integrations=30)
    insert(dsn, "acme", TWO, integrations=30)
    integrate(dsn, 3)
    with pytest.raises(ControlPlaneError) as caught:
        record(dsn, ONE, managed=[1, 2])
    assert str(caught.value) == (
        "10 integrations of tenant acme would lose their instance, and there is no room on what "
        "stays (1 x 50). Keep more instances."
    )
    assert (placed(dsn), statuses(dsn)) == (
        {1: 30, 2: 30, None: 3},
        {1: "active", 2: "active"},
    )


def test_workers_have_time_to_leave_before_the_row_goes(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(dsn, "acme", ONE)
    insert(dsn, "acme", TWO, integrations=3)
    seen: list[object] = []

    def pause(seconds: float) -> None:
        seen.append((seconds, placed(dsn), statuses(dsn)))

    monkeypatch.setattr(time, "sleep", pause)
    record(dsn, ONE, managed=[1, 2], drain=30)
    assert seen == [(30, {1: 3}, {1: "active", 2: "draining"})]
    assert statuses(dsn) == {1: "active"}


def test_an_instance_without_integrations_goes_at_once(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(dsn, "acme", ONE, integrations=3)
    insert(dsn, "acme", TWO)
    monkeypatch.setattr(time, "sleep", _never)
    record(dsn, ONE, managed=[1, 2], drain=30)
    assert statuses(dsn) == {1: "active"}


def test_workers_have_the_whole_time_again_after_a_run_that_was_killed_while_they_left(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(dsn, "acme", ONE, integrations=3)
    insert(dsn, "acme", InstanceRow(2, TWO.dns_name, "draining"))
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    record(dsn, ONE, managed=[1, 2], drain=30)
    assert (pauses, statuses(dsn)) == ([30], {1: "active"})


def test_what_was_added_to_a_draining_instance_is_moved_and_has_its_time_as_well(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(dsn, "acme", ONE)
    second = insert(dsn, "acme", TWO, integrations=1)
    pauses: list[float] = []

    def somebody_adds_one(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 1:
            execute(
                dsn,
                "INSERT INTO integrations (tenant_id, nats_instance_id) VALUES ('acme', %s)",
                second,
            )

    monkeypatch.setattr(time, "sleep", somebody_adds_one)
    record(dsn, ONE, managed=[1, 2], drain=30)
    assert (pauses, placed(dsn), statuses(dsn)) == ([30, 30], {1: 2}, {1: "active"})


def test_an_instance_that_keeps_being_filled_is_reported_in_one_line(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(dsn, "acme", ONE)
    second = insert(dsn, "acme", TWO, integrations=1)

    def somebody_adds_one(_seconds: float) -> None:
        execute(
            dsn,
            "INSERT INTO integrations (tenant_id, nats_instance_id) VALUES ('acme', %s)",
            second,
        )

    monkeypatch.setattr(time, "sleep", somebody_adds_one)
    with pytest.raises(ControlPlaneError, match=r"keep being put on instances .* \(2\)"):
        record(dsn, ONE, managed=[1, 2], drain=30)
    assert statuses(dsn) == {1: "active", 2: "draining"}


def test_other_tenants_integrations_are_never_moved(dsn: str) -> None:
    acme = insert(dsn, "acme", ONE, integrations=60)
    globex = insert(dsn, "globex", InstanceRow(1, f"nats-globex-1.{DOMAIN}", "active"))
    integrate(dsn, 5, "globex")
    for tenant_id, instance in (("globex", acme), ("acme", globex)):
        execute(
            dsn,
            "INSERT INTO integrations (tenant_id, nats_instance_id) VALUES (%s, %s)",
            tenant_id, instance,
        )  # fmt: skip
    record(dsn, ONE, TWO, managed=[1], placement="spread", capacity=50)
    owners = execute(
        dsn,
        "SELECT g.tenant_id, i.tenant_id, instance_number, count(*) FROM integrations g "
        "LEFT JOIN nats_instances i ON i.id = g.nats_instance_id GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    )
    assert owners == [
        # The one that was on globex's server is at home again; globex's own are not ours to touch.
        ("acme", "acme", 1, 31),
        ("acme", "acme", 2, 30),
        ("globex", "acme", 1, 1),
        ("globex", None, None, 5),
    ]


def test_an_instance_that_another_tenants_integration_is_on_does_not_go(dsn: str) -> None:
    insert(dsn, "acme", ONE)
    second = insert(dsn, "acme", TWO)
    execute(
        dsn, "INSERT INTO integrations (tenant_id, nats_instance_id) VALUES ('globex', %s)", second
    )
    with pytest.raises(ControlPlaneError, match="1 to instance 2"):
        record(dsn, ONE, managed=[1, 2])


def test_integrations_on_a_strangers_row_are_not_moved(dsn: str) -> None:
    insert(dsn, "acme", ONE)
    insert(dsn, "acme", InstanceRow(2, ELSEWHERE.dns_name, "active"), integrations=1)
    with pytest.raises(ControlPlaneError, match="not of this stack: 2"):
        record(dsn, ONE, managed=[1])
    assert placed(dsn) == {2: 1}


def test_a_decommissioned_tenant_keeps_its_rows_as_terminated(dsn: str) -> None:
    for row in (ONE, InstanceRow(2, TWO.dns_name, "draining")):
        insert(dsn, "acme", row)
    insert(dsn, "acme", InstanceRow(3, THREE.dns_name, "provisioning"))
    record(dsn, managed=[1, 2])
    # The third is what the platform has announced.
    assert statuses(dsn) == {1: "terminated", 2: "terminated", 3: "provisioning"}


@pytest.mark.parametrize("place", ["on an instance", "on none"])
def test_a_tenant_with_integrations_is_not_decommissioned(dsn: str, place: str) -> None:
    insert(dsn, "acme", ONE, integrations=2 if place == "on an instance" else 0)
    integrate(dsn, 0 if place == "on an instance" else 2)
    with pytest.raises(ControlPlaneError, match="decommissioned and has 2 integrations"):
        record(dsn, managed=[1])
    assert statuses(dsn) == {1: "active"}


def test_a_tenant_is_not_decommissioned_under_another_tenants_integration(dsn: str) -> None:
    row_id = insert(dsn, "acme", ONE)
    execute(
        dsn, "INSERT INTO integrations (tenant_id, nats_instance_id) VALUES ('globex', %s)", row_id
    )
    with pytest.raises(ControlPlaneError, match="1 integration of another tenant would lose"):
        record(dsn, managed=[1])
    assert statuses(dsn) == {1: "active"}


def test_a_tenant_that_comes_back_has_its_old_rows_and_leaves_those_it_does_not_need(
    dsn: str,
) -> None:
    row_id = insert(dsn, "acme", InstanceRow(1, "nats-acme-1.old-namespace:4222", "terminated"))
    insert(dsn, "acme", InstanceRow(2, TWO.dns_name, "terminated"))
    integrate(dsn, 2)
    record(dsn, ONE)
    assert statuses(dsn) == {1: "active", 2: "terminated"}
    [row] = execute(dsn, "SELECT id, dns_name FROM nats_instances WHERE instance_number = 1")
    assert row == (row_id, ONE.dns_name)
    assert placed(dsn) == {1: 2}


def test_an_integration_that_is_added_while_its_tenant_leaves_is_refused(dsn: str) -> None:
    row_id = insert(dsn, "acme", ONE)
    with psycopg.connect(by_hand(dsn)) as leaving, ThreadPoolExecutor() as pool:
        leaving.execute("SELECT 1 FROM nats_instances FOR UPDATE")
        added = pool.submit(
            execute,
            dsn,
            "INSERT INTO integrations (tenant_id, nats_instance_id) VALUES ('acme', %s)",
            row_id,
        )
        while not somebody_waits(dsn):
            time.sleep(0.01)
        leaving.execute("UPDATE nats_instances SET status = 'draining'")
        leaving.execute("UPDATE nats_instances SET status = 'terminated'")
        leaving.commit()
        with pytest.raises(psycopg.errors.CheckViolation, match="terminated and takes no"):
            added.result()
    assert placed(dsn) == {}


def test_an_integration_that_is_not_committed_yet_holds_its_tenant(dsn: str) -> None:
    row_id = insert(dsn, "acme", ONE)
    with psycopg.connect(by_hand(dsn)) as platform, ThreadPoolExecutor() as pool:
        platform.execute(
            "INSERT INTO integrations (tenant_id, nats_instance_id) VALUES ('acme', %s)", (row_id,)
        )
        leaving = pool.submit(record, dsn, managed=[1])
        while not (leaving.done() or somebody_waits(dsn)):
            time.sleep(0.01)
        platform.commit()
        with pytest.raises(ControlPlaneError, match="has 1 integration"):
            leaving.result()
    assert statuses(dsn) == {1: "active"}


def somebody_waits(dsn: str) -> bool:
    return bool(
        execute(
            dsn,
            "SELECT 1 FROM pg_stat_activity "
            "WHERE wait_event_type = 'Lock' AND datname = current_database()",
        )
    )


def test_a_move_of_another_number_than_was_decided_is_undone(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_too_many(**_: object) -> Placement:
        return Placement(moves=(Move(None, 1, 3),))

    integrate(dsn, 2)
    monkeypatch.setattr(store, "place", one_too_many)
    with pytest.raises(ControlPlaneError, match="were changed while they were to move"):
        record(dsn, ONE)
    assert (placed(dsn), statuses(dsn)) == ({None: 2}, {})


def test_what_the_platform_has_announced_is_left_alone(dsn: str) -> None:
    insert(dsn, "acme", InstanceRow(2, TWO.dns_name, "provisioning"))
    record(dsn, ONE, THREE)
    record(dsn, ONE, managed=[1, 3])
    assert statuses(dsn) == {1: "active", 2: "provisioning"}


def test_integrations_on_an_announced_instance_move_and_its_row_is_left_alone(dsn: str) -> None:
    insert(dsn, "acme", ONE)
    insert(dsn, "acme", InstanceRow(2, TWO.dns_name, "provisioning"), integrations=3)
    record(dsn, ONE, managed=[1])
    assert placed(dsn) == {1: 3}
    assert statuses(dsn) == {1: "active", 2: "provisioning"}


def test_a_row_that_another_stack_is_just_inserting_is_not_taken_from_it(dsn: str) -> None:
    with psycopg.connect(by_hand(dsn)) as other, ThreadPoolExecutor() as pool:
        other.execute(
            "INSERT INTO nats_instances (tenant_id, instance_number, dns_name, status) "
            "VALUES ('acme', 1, 'nats-acme-1.elsewhere:4222', 'active')"
        )
        ours = pool.submit(record, dsn, ONE)
        while not somebody_waits(dsn):
            time.sleep(0.01)
        other.commit()
        with pytest.raises(ControlPlaneError, match=r"did not make: 1 at nats-acme-1\.elsewhere"):
            ours.result()


def test_removing_rows_leaves_those_that_are_terminated(dsn: str) -> None:
    insert(dsn, "acme", InstanceRow(1, ONE.dns_name, "terminated"))
    insert(dsn, "acme", TWO)
    store.remove(dsn, "acme", [1, 2], domain=DOMAIN)
    assert statuses(dsn) == {1: "terminated"}


def test_removing_rows_leaves_what_the_platform_has_announced(dsn: str) -> None:
    for row in (ONE, TWO):
        insert(dsn, "acme", InstanceRow(row.instance_number, row.dns_name, "provisioning"))
    store.remove(dsn, "acme", [1], domain=DOMAIN)
    assert statuses(dsn) == {2: "provisioning"}


def test_a_platform_with_other_ids_and_its_status_as_an_enum_moves_as_well(dsn: str) -> None:
    for statement in (
        "DROP VIEW integration_servers, tenant_servers",
        "DROP TRIGGER nats_instances_hold_transitions ON nats_instances",
        "ALTER TABLE nats_instances DROP CONSTRAINT nats_instances_status_check",
        "CREATE TYPE nats_status AS ENUM ('provisioning', 'active', 'draining', 'terminated')",
        "ALTER TABLE nats_instances ALTER status TYPE nats_status USING status::nats_status",
        "ALTER TABLE integrations DROP id",
        "ALTER TABLE integrations ADD id uuid PRIMARY KEY DEFAULT gen_random_uuid()",
        "GRANT SELECT (id) ON integrations TO tenant_nats_provisioner",
    ):
        execute(dsn, statement)
    integrate(dsn, 10)
    record(dsn, ONE, TWO, placement="spread")
    assert placed(dsn) == {1: 5, 2: 5}
    record(dsn, ONE, managed=[1, 2])
    assert placed(dsn) == {1: 10}
    execute(dsn, "DELETE FROM integrations")
    record(dsn, managed=[1])
    assert statuses(dsn) == {1: "terminated"}


def test_while_workers_add_integrations_none_is_lost_and_none_is_placed_twice(dsn: str) -> None:
    record(dsn, ONE, TWO)
    added: list[int] = []
    done = threading.Event()

    def add_until_done() -> None:
        """As the platform would: with an instance when one is active, else without."""
        turn = 0
        while not done.is_set():
            turn += 1
            with psycopg.connect(by_hand(dsn)) as worker:
                row = worker.execute(
                    "INSERT INTO integrations (tenant_id, nats_instance_id) VALUES ('acme', ("
                    "SELECT id FROM nats_instances WHERE tenant_id = 'acme' "
                    "AND status = 'active' AND instance_number = %s)) RETURNING id",
                    (turn % 3,),
                ).fetchone()
            assert row is not None
            added.append(row[0])

    def add(attempts: int = 1000) -> None:
        for _ in range(attempts):
            try:
                add_until_done()
            except psycopg.errors.ForeignKeyViolation:
                continue  # the instance went between the look and the insert; the platform retries
            return

    with ThreadPoolExecutor() as pool:
        workers = [pool.submit(add) for _ in range(2)]
        try:
            for turn in range(200):
                rows = (ONE,) if turn % 2 else (ONE, TWO)
                policy = "spread" if turn % 4 else "pack"
                record(dsn, *rows, managed=[1, 2], capacity=100_000, placement=policy)
        finally:
            done.set()
        for worker in workers:
            worker.result()
    record(dsn, ONE, TWO, managed=[1, 2], capacity=100_000, placement="spread")
    there = [row[0] for row in execute(dsn, "SELECT id FROM integrations ORDER BY id")]
    assert there == sorted(added)
    assert len(added) > 200, "the workers must have been busy all the time"
    counts = placed(dsn)
    assert set(counts) == {1, 2}
    assert abs(counts[1] - counts[2]) <= 1


def _never(_seconds: float) -> None:
    raise AssertionError("nobody has to wait")
