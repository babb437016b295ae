"""The provider's operations, on a real Postgres, with properties as they come over the wire."""

import sys
import traceback
from threading import Timer
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict
from pulumi.dynamic import Config, ConfigureRequest, CreateResult, UpdateResult

from controlplane import store
from controlplane.connection import ControlPlaneError
from controlplane.records import RecordsProvider
from controlplane.store import InstanceRow
from tests.controlplane.rows import DOMAIN, ELSEWHERE, ONE, TWO, execute, insert, own_login, table


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)


@pytest.fixture
def provider(dsn: str) -> RecordsProvider:
    return configured(dsn)


def configured(dsn: str, **settings: str) -> RecordsProvider:
    provider = RecordsProvider()
    given = {f"tenant-nats:{key}": value for key, value in settings.items()}
    config = Config(
        raw_config={"tenant-nats:databaseUrl": dsn, **given}, project_name="tenant-nats"
    )
    provider.configure(ConfigureRequest(config))
    return provider


def inputs(*rows: InstanceRow, **others: Any) -> dict[str, Any]:
    return {
        "tenant_id": "acme",
        "state": "active" if rows else "decommissioned",
        "domain": DOMAIN,
        "capacity": 50.0,
        "placement": "pack",
        "due": "",
        "drain_seconds": 0.0,
        "instances": [
            {"instance_number": float(row.instance_number), "dns_name": row.dns_name}
            for row in rows
        ],
        **others,
    }


def outputs(*rows: InstanceRow) -> dict[str, Any]:
    return {
        "tenant_id": "acme",
        "state": "active" if rows else "decommissioned",
        "domain": DOMAIN,
        "instances": [
            {
                "instance_number": row.instance_number,
                "dns_name": row.dns_name,
                "status": row.status,
            }
            for row in rows
        ],
    }


def test_rows_whose_servers_could_not_be_made_are_a_difference_that_is_refused(
    provider: RecordsProvider, dsn: str
) -> None:
    provider.create(inputs(ONE, TWO))
    before = table(dsn)
    shrunk = inputs(ONE, undone=["nats-acme-1-deployment"])
    assert provider.diff("acme", outputs(ONE), shrunk).changes, "else nothing is refused"
    with pytest.raises(ControlPlaneError, match=r"acme stay as they are.* nats-acme-1-deployment"):
        provider.update("acme", outputs(ONE, TWO), shrunk)
    with pytest.raises(ControlPlaneError, match=r"acme stay as they are.* nats-acme-1-deployment"):
        provider.create(shrunk)
    assert table(dsn) == before


def test_create_inserts_active_rows(provider: RecordsProvider, dsn: str) -> None:
    result = provider.create(inputs(ONE, TWO))
    assert (result.id, result.outs) == ("acme", outputs(ONE, TWO))
    assert [row[1:] for row in table(dsn)] == [
        (1, ONE.dns_name, "active"),
        (2, TWO.dns_name, "active"),
    ]


def test_create_after_a_crash_between_commit_and_state_makes_no_second_row(
    provider: RecordsProvider, dsn: str
) -> None:
    provider.create(inputs(ONE))
    provider.create(inputs(ONE))
    assert len(table(dsn)) == 1


def test_no_difference_after_create_and_after_read(provider: RecordsProvider) -> None:
    created = provider.create(inputs(ONE, TWO)).outs or {}
    read = provider.read("acme", created).outs or {}
    for olds in (created, read):
        assert provider.diff("acme", olds, inputs(TWO, ONE)).changes is False


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE nats_instances SET status = 'draining' WHERE instance_number = 2",
        "UPDATE nats_instances SET dns_name = 'elsewhere:4222' WHERE instance_number = 1",
        "DELETE FROM nats_instances WHERE instance_number = 1",
    ],
    ids=["status", "address", "one row gone"],
)
def test_read_sees_what_was_changed_by_hand_and_update_puts_it_right(
    provider: RecordsProvider, dsn: str, statement: str
) -> None:
    provider.create(inputs(ONE, TWO))
    right = table(dsn)
    execute(dsn, statement)
    read = provider.read("acme", outputs(ONE, TWO)).outs or {}
    assert provider.diff("acme", read, inputs(ONE, TWO)).changes is True
    provider.update("acme", read, inputs(ONE, TWO))
    assert table(dsn) == right


def test_what_a_run_wrote_before_it_was_killed_is_seen_and_put_right(
    provider: RecordsProvider, dsn: str
) -> None:
    provider.create(inputs(ONE, TWO))
    read = provider.read("acme", outputs(ONE)).outs or {}
    assert provider.diff("acme", read, inputs(ONE)).changes is True
    provider.update("acme", read, inputs(ONE))
    assert [row[1] for row in table(dsn)] == [1]


def test_read_says_that_the_resource_is_gone_when_all_rows_are(provider: RecordsProvider) -> None:
    result = provider.read("acme", outputs(ONE, TWO))
    assert (result.id, result.outs) == ("", {})


def test_update_adds_and_retires(provider: RecordsProvider, dsn: str) -> None:
    provider.create(inputs(ONE))
    grown = provider.update("acme", outputs(ONE), inputs(ONE, TWO)).outs
    assert grown == outputs(ONE, TWO)
    shrunk = provider.update("acme", outputs(ONE, TWO), inputs(ONE)).outs
    assert shrunk == outputs(ONE)
    assert [row[1] for row in table(dsn)] == [1]


def test_moves_are_a_difference_and_that_there_are_none_any_more_is_not(
    provider: RecordsProvider,
) -> None:
    moving = inputs(ONE, TWO, due="25 move from 1 to 2", placement="spread")
    assert provider.diff("acme", outputs(ONE, TWO), moving).changes is True
    moved = provider.update("acme", outputs(ONE, TWO), moving).outs or {}
    assert provider.diff("acme", moved, inputs(ONE, TWO, placement="spread")).changes is False


@pytest.mark.parametrize(
    "others", [{"capacity": 10.0}, {"placement": "spread"}, {"drain_seconds": 5.0}]
)
def test_what_matters_to_moves_only_is_no_difference(
    provider: RecordsProvider, others: dict[str, Any]
) -> None:
    assert provider.diff("acme", outputs(ONE), inputs(ONE, **others)).changes is False


def test_a_resource_of_the_version_before_is_no_difference_and_can_be_read_and_deleted(
    provider: RecordsProvider, dsn: str
) -> None:
    provider.create(inputs(ONE))
    before = {
        key: value for key, value in outputs(ONE).items() if key in ("tenant_id", "instances")
    }
    assert provider.diff("acme", before, inputs(ONE)).changes is False
    assert provider.read("acme", before).outs == outputs(ONE)
    provider.delete("acme", before)
    assert table(dsn) == []


def test_a_tenant_leaves_and_comes_back_and_keeps_its_rows(
    provider: RecordsProvider, dsn: str
) -> None:
    provider.create(inputs(ONE, TWO))
    assert provider.diff("acme", outputs(ONE, TWO), inputs()).changes is True
    assert provider.update("acme", outputs(ONE, TWO), inputs()).outs == outputs()
    assert provider.read("acme", outputs()).outs == outputs(), "gone is not the same as terminated"
    assert provider.diff("acme", outputs(), inputs()).changes is False
    provider.delete("acme", outputs())
    assert [row[1::2] for row in table(dsn)] == [(1, "terminated"), (2, "terminated")]
    assert provider.check({}, inputs(ONE)).failures == []
    assert provider.create(inputs(ONE)).outs == outputs(ONE)
    assert [row[1::2] for row in table(dsn)] == [(1, "active"), (2, "terminated")]
    assert provider.read("acme", outputs(ONE)).outs == outputs(ONE)


def test_what_a_killed_run_left_of_a_tenant_that_is_decommissioned_is_terminated(
    provider: RecordsProvider, dsn: str
) -> None:
    insert(dsn, "acme", ONE)
    provider.create(inputs())
    assert [row[1::2] for row in table(dsn)] == [(1, "terminated")]


def test_another_tenant_is_another_resource(provider: RecordsProvider) -> None:
    result = provider.diff("acme", outputs(ONE), {**inputs(ONE), "tenant_id": "globex"})
    assert (result.changes, result.replaces) == (True, ["tenant_id"])


def test_delete_removes_the_rows_and_is_refused_while_an_integration_points_to_one(
    provider: RecordsProvider, dsn: str
) -> None:
    provider.create(inputs(ONE))
    execute(
        dsn,
        "INSERT INTO integrations (tenant_id, nats_instance_id) "
        "SELECT tenant_id, id FROM nats_instances",
    )
    with pytest.raises(ControlPlaneError, match="would be deleted: 1 to instance 1"):
        provider.delete("acme", outputs(ONE))
    execute(dsn, "DELETE FROM integrations")
    provider.delete("acme", outputs(ONE))
    assert table(dsn) == []


def test_check_warns_of_a_strangers_row_which_create_refuses(
    provider: RecordsProvider, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    insert(dsn, "acme", ELSEWHERE)
    assert provider.check({}, inputs(ONE)).failures == [], "it would end the run of all tenants"
    assert "1 at nats.example.com:4222" in capsys.readouterr().err
    with pytest.raises(ControlPlaneError, match=r"1 at nats.example.com:4222"):
        provider.create(inputs(ONE))


def test_check_lets_a_row_of_ours_pass_whatever_was_done_to_it_by_hand(
    provider: RecordsProvider, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    insert(dsn, "acme", ELSEWHERE)
    provider.check(inputs(ONE), inputs(ONE))
    assert capsys.readouterr().err == ""


def test_check_tries_again_when_the_database_did_not_answer_for_a_moment(
    dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    insert(dsn, "acme", ELSEWHERE)
    with own_login(dsn) as login:
        role = conninfo_to_dict(login)["user"]
        execute(dsn, f"ALTER ROLE {role} CONNECTION LIMIT 0")
        restored = Timer(0.5, execute, (dsn, f"ALTER ROLE {role} CONNECTION LIMIT -1"))
        restored.start()
        configured(login).check({}, inputs(ONE))
        restored.join()
    assert "1 at nats.example.com:4222" in capsys.readouterr().err


def test_check_says_once_that_the_database_does_not_answer_and_waits_for_that_only_once(
    provider: RecordsProvider, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def refuse(_dsn: str, tenant_id: str, *_: object, **__: object) -> str:
        asked.append(tenant_id)
        raise ControlPlaneError("The database cannot be used: nobody is there.")

    monkeypatch.setattr(store, "objection", refuse)
    for _ in range(3):
        provider.check({}, inputs(ONE))
    assert capsys.readouterr().err == (
        "The check could not look at rows of tenant acme and maybe others: The database cannot be "
        "used: nobody is there.\n"
    )
    assert asked == ["acme"] * 3, "three attempts, all of the first tenant's"


def test_check_asks_nothing_in_a_preview_that_could_not_look_at_the_database(
    capsys: pytest.CaptureFixture[str],
) -> None:
    checked = configured("postgresql://nobody.invalid/").check({}, inputs(ONE, unseen=True))
    assert capsys.readouterr().err == ""
    assert "unseen" not in checked.inputs, "it would be part of the state"


def test_check_warns_of_an_address_that_another_tenants_row_has(
    provider: RecordsProvider, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    insert(dsn, "globex", InstanceRow(7, ONE.dns_name, "active"))
    provider.check({}, inputs(ONE))
    words = "gives other tenants the addresses of tenant acme: globex instance 7"
    assert words in capsys.readouterr().err


def test_an_announced_row_is_taken_over_whatever_address_it_was_given(
    provider: RecordsProvider, dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    insert(dsn, "acme", InstanceRow(1, "to.be.known:4222", "provisioning"))
    provider.check({}, inputs(ONE))
    assert capsys.readouterr().err == ""
    provider.create(inputs(ONE))
    assert table(dsn) == [("acme", 1, ONE.dns_name, "active")]


def test_the_platforms_words_are_those_of_the_stacks_configuration(dsn: str) -> None:
    execute(dsn, "DROP TRIGGER nats_instances_hold_transitions ON nats_instances")
    execute(dsn, "ALTER TABLE nats_instances DROP CONSTRAINT nats_instances_status_check")
    provider = configured(dsn, database='{"statuses": {"active": "up", "terminated": "gone"}}')
    made = provider.create(inputs(ONE)).outs or {}
    assert table(dsn) == [("acme", 1, ONE.dns_name, "up")]
    assert provider.read("acme", made).outs == outputs(ONE)
    provider.update("acme", outputs(ONE), inputs())
    assert table(dsn) == [("acme", 1, ONE.dns_name, "gone")]


def test_an_expected_error_has_no_traceback(
    provider: RecordsProvider, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "tracebacklimit", None, raising=False)
    execute(dsn, "DROP TABLE integrations, nats_instances CASCADE")
    try:
        provider.read("acme", outputs(ONE))
    except ControlPlaneError:
        shown = traceback.format_exc()
    else:
        pytest.fail("the table is gone")
    assert shown.splitlines() == [
        "controlplane.connection.ControlPlaneError: The database has no table "
        "public.nats_instances; apply the platform's migrations (controlplane/schema) first, or "
        "say what the platform calls it (docs/platform.md).",
    ]


def test_an_unexpected_error_keeps_its_traceback_even_after_an_expected_one(
    provider: RecordsProvider, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "tracebacklimit", None, raising=False)
    execute(dsn, "DROP TABLE integrations, nats_instances CASCADE")
    with pytest.raises(ControlPlaneError):
        provider.read("acme", outputs(ONE))
    try:
        provider.diff("acme", {}, {})
    except KeyError:
        assert "in diff" in traceback.format_exc()
    else:
        pytest.fail("there is no tenant_id")


def test_the_provider_holds_nothing_that_is_pickled() -> None:
    assert vars(RecordsProvider()) == {}
    assert RecordsProvider.__module__ == "controlplane.records", "the path is part of the state"


NEW = "vrsky-tenants.svc.corp.example:4222"
MOVED = tuple(InstanceRow(number, f"nats-acme-{number}.{NEW}", "active") for number in (1, 2))


def outs_of(result: CreateResult | UpdateResult) -> dict[str, Any]:
    """What the engine stores."""
    assert result.outs is not None
    return result.outs


def test_another_domain_rewrites_the_rows_and_leaves_every_integration_in_its_place(
    provider: RecordsProvider, dsn: str
) -> None:
    olds = outs_of(provider.create(inputs(ONE, TWO)))
    execute(
        dsn,
        "INSERT INTO integrations (tenant_id, nats_instance_id) "
        "SELECT tenant_id, id FROM nats_instances, generate_series(1, 3)",
    )
    where = "SELECT id, nats_instance_id FROM integrations ORDER BY id"
    before = execute(dsn, where)
    news = inputs(*MOVED, domain=NEW)
    assert provider.diff("acme", olds, news).changes
    outs = outs_of(provider.update("acme", olds, news))
    assert [row[2] for row in table(dsn)] == [row.dns_name for row in MOVED]
    assert execute(dsn, where) == before
    assert not provider.diff("acme", outs, news).changes
    # The same again, as after a run that was killed before the state was written.
    assert outs_of(provider.update("acme", olds, news)) == outs
    assert execute(dsn, where) == before


def test_a_row_that_a_killed_run_left_in_the_former_domain_is_ours(
    provider: RecordsProvider, dsn: str
) -> None:
    olds = outs_of(provider.create(inputs(ONE)))
    insert(dsn, "acme", TWO)
    grown = outs_of(provider.update("acme", olds, inputs(*MOVED, domain=NEW)))
    assert [row[2] for row in table(dsn)] == [row.dns_name for row in MOVED]
    insert(dsn, "acme", InstanceRow(3, f"nats-acme-3.{NEW}", "active"))
    provider.update("acme", grown, inputs(ONE))
    assert [row[2] for row in table(dsn)] == [ONE.dns_name]


def test_a_row_of_another_stack_is_not_taken_for_one_of_the_former_domain(
    provider: RecordsProvider, dsn: str
) -> None:
    olds = outs_of(provider.create(inputs(ONE)))
    other = InstanceRow(2, "nats-acme-2.vrsky-tenants.svc.third.example:4222", "active")
    insert(dsn, "acme", other)
    with pytest.raises(ControlPlaneError, match="that this program did not make: 2 at nats-acme-2"):
        provider.update("acme", olds, inputs(*MOVED, domain=NEW))
    assert [row[2] for row in table(dsn)] == [ONE.dns_name, other.dns_name]


def test_a_tenant_without_servers_gets_the_new_domain_into_its_state(
    provider: RecordsProvider,
) -> None:
    olds = outs_of(provider.create(inputs()))
    news = inputs(domain=NEW)
    assert provider.diff("acme", olds, news).changes
    outs = outs_of(provider.update("acme", olds, news))
    assert outs["domain"] == NEW
    assert not provider.diff("acme", outs, news).changes
    unsaid = {key: value for key, value in olds.items() if key != "domain"}
    assert not provider.diff("acme", unsaid, news).changes, "of a version without this property"
