"""`tenant-nats contract`: one mechanism with the refusal before an `up`, on a real Postgres."""

import json
import re
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from typer.testing import CliRunner, Result

from controlplane.connection import ControlPlaneError
from controlplane.reader import take_snapshot
from operations.__main__ import app
from sandbox import database
from sandbox.layout import PROJECT
from tests.controlplane.rows import execute, own_login
from tests.controlplane.test_other_names import SETTINGS, theirs
from tests.controlplane.test_platforms import OTHER_CHECK, PLAIN, live_through, of_type

__all__ = ["theirs"]

MISSED = {
    "no table": (("DROP TABLE integrations CASCADE",), "no table public.integrations"),
    "two columns": (
        ("ALTER TABLE integrations DROP nats_instance_id CASCADE, DROP tenant_id CASCADE",),
        "integrations lacks nats_instance_id, tenant_id",
    ),
    "a padded id": ((*PLAIN, *of_type("char(40)")), "tenant_id is character(40), which pads"),
    "no key": (
        (
            "ALTER TABLE nats_instances "
            "DROP CONSTRAINT nats_instances_tenant_id_instance_number_key",
        ),
        "has no unique key (tenant_id, instance_number)",
    ),
    "another word": ((*PLAIN, *OTHER_CHECK), "does not take `draining` (the check known)"),
    "a column that must be given": (
        ("ALTER TABLE nats_instances ADD region text NOT NULL",),
        "has no default for region, which must not be null",
    ),
    "an id without a default": (
        ("ALTER TABLE nats_instances ALTER id DROP IDENTITY",),
        "has no default for id, which must not be null",
    ),
    "a policy": (
        (
            "ALTER TABLE integrations ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY own ON integrations USING (false)",
        ),
        'Row-level security would hide rows from the role provisioner (policies of table "inte',
    ),
    "no right to read": (
        ("REVOKE SELECT (nats_instance_id) ON integrations FROM tenant_nats_provisioner",),
        "The role provisioner may not read integrations.nats_instance_id",
    ),
}
ADVISED = {
    "no foreign key": (
        "ALTER TABLE integrations DROP CONSTRAINT integrations_nats_instance_id_fkey",
        "integrations.nats_instance_id is no foreign key to nats_instances",
    ),
    "no trigger": (
        "DROP TRIGGER integrations_refuse_terminated ON integrations",
        "no trigger of integrations refuses a `terminated` instance",
    ),
    "no TLS": (
        "ALTER TABLE nats_instances DROP tls CASCADE",
        "there is no column nats_instances.tls, so no tenant may have `tls`",
    ),
}


@pytest.fixture(autouse=True)
def database_url(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", dsn)


def contract(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["contract", *map(str, arguments)])


def test_the_migrations_meet_every_point() -> None:
    result = contract()
    assert result.exit_code == 0
    *told, _, last = result.stdout.splitlines()
    assert all(line.startswith("✓ ") for line in told), result.stdout
    assert "✓ public.nats_instances is a table" in told
    assert "✓ nats_instances.status takes `draining`" in told
    assert last == f"All {len(told) - 3} points are met."  # three are advice


@pytest.mark.parametrize("case", MISSED)
def test_a_point_that_is_missed_is_told_in_the_words_in_which_an_up_refuses(
    dsn: str, case: str
) -> None:
    statements, words = MISSED[case]
    for statement in statements:
        execute(dsn, statement)
    result = contract()
    missed = [line for line in result.stdout.splitlines() if line.startswith("✗ ")]
    assert result.exit_code == 1
    assert words in missed[0]
    with pytest.raises(ControlPlaneError) as caught:
        take_snapshot(dsn)
    assert missed[0] == f"✗ {caught.value}"
    assert f"Not met: {len(missed)} point" in result.stdout


@pytest.mark.parametrize("case", ADVISED)
def test_what_is_only_better_to_have_is_no_failure(dsn: str, case: str) -> None:
    statement, words = ADVISED[case]
    execute(dsn, statement)
    result = contract()
    assert result.exit_code == 0
    [told] = [line for line in result.stdout.splitlines() if line.startswith("- ")]
    assert words in told
    assert take_snapshot(dsn).instances == ()


def test_a_trigger_that_fills_in_a_column_is_believed(dsn: str) -> None:
    execute(dsn, "ALTER TABLE nats_instances ADD region text NOT NULL")
    execute(
        dsn,
        "CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.region := 'eu'; RETURN NEW; END $$",
    )
    execute(
        dsn,
        "CREATE TRIGGER fill BEFORE INSERT ON nats_instances FOR EACH ROW EXECUTE FUNCTION fill()",
    )
    assert contract().exit_code == 0


def test_a_reader_is_told_that_it_may_not_write(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database.worker(dsn))
    result = contract()
    assert result.exit_code == 0
    [told] = [line for line in result.stdout.splitlines() if line.startswith("- ")]
    assert told == (
        "- the role worker may read and not write, which is enough for previews and `status`; for "
        "an `up`: GRANT INSERT (tenant_id, instance_number, dns_name, status) ON "
        '"public"."nats_instances" TO "worker"; GRANT UPDATE (dns_name, status, tls) ON '
        '"public"."nats_instances" TO "worker"; GRANT UPDATE (nats_instance_id) ON '
        '"public"."integrations" TO "worker"; GRANT DELETE ON "public"."nats_instances" TO '
        '"worker"; or, if '
        "the tables are those of the migrations, make it a member of tenant_nats_provisioner "
        "(`tenant-nats database-roles`)"
    )


RIGHTS = {
    "nats_instances": (
        *(f"SELECT ({column})" for column in ("id", "tenant_id", "instance_number", "dns_name")),
        "SELECT (status)", "SELECT (tls)",
        "INSERT (tenant_id)", "INSERT (instance_number)", "INSERT (dns_name)", "INSERT (status)",
        "UPDATE (dns_name)", "UPDATE (status)", "UPDATE (tls)", "DELETE",
    ),
    "integrations": (
        "SELECT (id)", "SELECT (tenant_id)", "SELECT (nats_instance_id)",
        "UPDATE (nats_instance_id)",
    ),
    "SEQUENCE public.instance_ids": ("USAGE",),
}  # fmt: skip
"""All that a login needs on tables of a platform's own, whose ids a sequence counts."""
SERIAL = (
    *PLAIN,
    "CREATE SEQUENCE public.instance_ids",
    "ALTER TABLE nats_instances ALTER id DROP IDENTITY",
    "ALTER TABLE nats_instances ALTER id SET DEFAULT nextval('public.instance_ids')",
)


@pytest.mark.parametrize(
    ("on", "right"), [(on, right) for on, rights in RIGHTS.items() for right in rights]
)
def test_a_login_with_one_right_less_is_told_what_to_grant(
    dsn: str, monkeypatch: pytest.MonkeyPatch, on: str, right: str
) -> None:
    """On a platform's own tables, which no `database-roles` knows all about."""
    with own_login(dsn) as login:
        name = conninfo_to_dict(login)["user"]
        execute(dsn, f"REVOKE provisioner FROM {name}")
        for statement in SERIAL:
            execute(dsn, statement)
        for each, rights in RIGHTS.items():
            execute(dsn, f"GRANT {', '.join(rights)} ON {each} TO {name}")
        execute(dsn, f"REVOKE {right} ON {on} FROM {name}")
        monkeypatch.setenv("DATABASE_URL", login)
        with pytest.raises(ControlPlaneError, match=r"permission denied|may not read"):
            live_through(login, "acme")
        execute(dsn, "DELETE FROM integrations")
        execute(dsn, "DELETE FROM nats_instances")
        [told] = re.findall(r"(?<=: )GRANT .*(?=; or, if)", contract().stdout)
        execute(dsn, told)
        assert " GRANT " not in contract().stdout
        live_through(login, "acme")


def test_the_tenants_of_an_inventory_are_looked_at_too(dsn: str, tmp_path: Path) -> None:
    inventory = tmp_path / "tenants.yaml"
    inventory.write_text("tenants:\n  acme: {tls: {secretName: acme-tls}}\n")
    execute(dsn, "ALTER TABLE nats_instances DROP tls CASCADE")
    result = contract("--inventory", inventory)
    assert result.exit_code == 1
    assert "✗ The table nats_instances lacks tls;" in result.stdout
    assert contract("--inventory", tmp_path / "none.yaml").exit_code == 1


@pytest.mark.usefixtures("theirs")
def test_it_looks_where_the_settings_say(tmp_path: Path) -> None:
    assert "no table public.nats_instances" in contract().stdout
    settings = tmp_path / "Pulumi.prod.yaml"
    settings.write_text(f"config: {{tenant-nats:database: {SETTINGS}}}\n")
    result = contract("--settings", settings)
    assert result.exit_code == 0, result.output
    assert "✓ NatsHub.Server is a table" in result.stdout


def test_json_has_every_point_with_its_problem(dsn: str) -> None:
    execute(dsn, ADVISED["no trigger"][0])
    points = json.loads(contract("--json").stdout)["points"]
    assert points[0] == {
        "what": "public.nats_instances is a table", "problem": "", "is_advice": False
    }  # fmt: skip
    assert [each["is_advice"] for each in points if each["problem"]] == [True]


def test_a_database_that_cannot_be_reached_is_one_line(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", make_conninfo(dsn, dbname="nowhere"))
    result = contract()
    assert (result.exit_code, result.stdout) == (1, "")
    assert 'database "nowhere" does not exist' in result.stderr


def test_the_page_shows_what_the_command_prints() -> None:
    page = (PROJECT / "docs" / "platform.md").read_text()
    [shown] = re.findall(r"```\n(✓.*?)```", page, re.DOTALL)
    assert shown == contract().stdout
