"""Where the database is: one answer or one refusal, and never the password."""

import traceback

import pytest

from controlplane.dsn import DsnError, resolve

PASSWORD = "hunter2"  # what no text may show
ONE = f"postgresql://provisioner:{PASSWORD}@db.example.com:5432/platform"
OTHER = f"postgresql://provisioner:{PASSWORD}@db.example.com:5432/staging"


@pytest.mark.parametrize(
    ("setting", "environment"),
    [
        pytest.param(ONE, {}, id="the setting only"),
        pytest.param(ONE, {"DATABASE_URL": ""}, id="the setting and an empty variable"),
        pytest.param(None, {"DATABASE_URL": ONE}, id="the variable only"),
        pytest.param("", {"DATABASE_URL": ONE}, id="an empty setting and the variable"),
        pytest.param(ONE, {"DATABASE_URL": ONE}, id="both, and equal"),
    ],
)
def test_one_database_is_the_answer(setting: str | None, environment: dict[str, str]) -> None:
    assert resolve(setting, environment) == ONE


@pytest.mark.parametrize(
    "dsn",
    [
        pytest.param(f"host=/run/postgresql user=me password='{PASSWORD}'", id="words"),
        pytest.param("postgresql://me:p%40ss@db.example.com/platform", id="an encoded @"),
        pytest.param("postgresql://me@a.example.com,b.example.com/platform", id="two hosts"),
        pytest.param("postgresql:///platform?host=/run/postgresql", id="a socket"),
    ],
)
def test_whatever_libpq_reads_is_passed_on_as_it_is(dsn: str) -> None:
    assert resolve(dsn, {}) == dsn


def test_two_different_databases_are_refused_without_printing_either() -> None:
    with pytest.raises(DsnError) as caught:
        resolve(ONE, {"DATABASE_URL": OTHER})
    assert str(caught.value) == (
        "The stack's databaseUrl and the environment's DATABASE_URL differ; keep one: "
        "`unset DATABASE_URL`, or `pulumi config rm databaseUrl`."
    )


@pytest.mark.parametrize(
    ("setting", "environment"),
    [
        pytest.param(None, {}, id="nothing"),
        pytest.param("", {"DATABASE_URL": ""}, id="nothing but empty text"),
    ],
)
def test_no_database_is_refused_with_the_command_that_helps(
    setting: str | None, environment: dict[str, str]
) -> None:
    with pytest.raises(DsnError) as caught:
        resolve(setting, environment)
    assert str(caught.value) == (
        "No database is named; `pulumi config set --secret databaseUrl "
        "postgresql://provisioner:PASSWORD@db.example.com:5432/platform`, or set DATABASE_URL."
    )


@pytest.mark.parametrize(
    "dsn",
    [
        pytest.param(PASSWORD, id="a word"),
        pytest.param(f"http://me:{PASSWORD}@db/platform", id="another scheme"),
        pytest.param(f"postgresql://me:100%{PASSWORD}@db/platform", id="a raw percent sign"),
        pytest.param(f"postgresql://me:my {PASSWORD}@db/platform", id="a raw space"),
        pytest.param(f"postgresql://me:p@{PASSWORD}@db/platform", id="a raw @"),
        pytest.param(f"postgresql://me:{PASSWORD}@@db/platform", id="a raw @ at the end"),
        pytest.param(f"postgresql://me:{PASSWORD}/b@db:5432/platform", id="a raw slash"),
        pytest.param(f"postgresql://me@db/platform?passwort={PASSWORD}", id="an unknown option"),
        pytest.param(f"host=db password=my {PASSWORD}", id="words, a space not in quotes"),
    ],
)
@pytest.mark.parametrize("place", ["setting", "variable"])
def test_what_cannot_be_read_is_refused_without_printing_it(dsn: str, place: str) -> None:
    with pytest.raises(DsnError) as caught:
        resolve(
            dsn if place == "setting" else None, {} if place == "setting" else {"DATABASE_URL": dsn}
        )
    assert str(caught.value) == (
        "databaseUrl (or DATABASE_URL) is no connection string; percent-encode what is special in "
        "the password (@ is %40, / is %2F). For example: "
        "postgresql://provisioner:PASSWORD@db.example.com:5432/platform"
    )
    traced = "".join(traceback.format_exception(caught.value))
    assert PASSWORD not in traced, "psycopg's own error repeats a part of it"
