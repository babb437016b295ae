"""Where the database is: one answer or one refusal, and never the password."""

import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from controlplane import dsn
from controlplane.dsn import DsnError, Rotating, resolve

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
    "text",
    [
        pytest.param(f"host=/run/postgresql user=me password='{PASSWORD}'", id="words"),
        pytest.param("postgresql://me:p%40ss@db.example.com/platform", id="an encoded @"),
        pytest.param("postgresql://me@a.example.com,b.example.com/platform", id="two hosts"),
        pytest.param("postgresql:///platform?host=/run/postgresql", id="a socket"),
    ],
)
def test_whatever_libpq_reads_is_passed_on_as_it_is(text: str) -> None:
    assert resolve(text, {}) == text


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
        "postgresql://provisioner:PASSWORD@db.example.com:5432/platform`, or set DATABASE_URL, "
        "DATABASE_URL_FILE or DATABASE_URL_COMMAND in the environment."
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(PASSWORD, id="a word"),
        pytest.param(f"http://me:{PASSWORD}@db/platform", id="another scheme"),
        pytest.param(f"postgresql://me:100%{PASSWORD}@db/platform", id="a raw percent sign"),
        pytest.param(f"postgresql://me:my {PASSWORD}@db/platform", id="a raw space"),
        pytest.param(f"postgresql://me:p@{PASSWORD}@db/platform", id="a raw @"),
        pytest.param(f"postgresql://me:{PASSWORD}@@db/platform", id="a raw @ at the end"),
        pytest.param(f"postgresql://me:{PASSWORD}/b@db:5432/platform", id="a raw slash"),
        pytest.param(f"postgresql://me:12/{PASSWORD}@db", id="a raw slash after a number"),
        pytest.param(f"postgresql://me@db/platform?passwort={PASSWORD}", id="an unknown option"),
        pytest.param(f"host=db password=my {PASSWORD}", id="words, a space not in quotes"),
    ],
)
@pytest.mark.parametrize("place", ["setting", "variable"])
def test_what_cannot_be_read_is_refused_without_printing_it(text: str, place: str) -> None:
    setting, variable = (text, "") if place == "setting" else (None, text)
    with pytest.raises(DsnError) as caught:
        resolve(setting, {"DATABASE_URL": variable})
    assert str(caught.value) == (
        "databaseUrl (or DATABASE_URL) is no connection string; percent-encode what is special in "
        "the password (@ is %40, / is %2F). For example: "
        "postgresql://provisioner:PASSWORD@db.example.com:5432/platform"
    )
    traced = "".join(traceback.format_exception(caught.value))
    assert PASSWORD not in traced, "psycopg's own error repeats a part of it"


def script(folder: Path, text: str) -> str:
    """The path of a program that does what `text` says."""
    file = folder / "url.sh"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_file_has_it(tmp_path: Path, end: str) -> None:
    (tmp_path / "url").write_text(ONE + end)
    variables = {"DATABASE_URL_FILE": str(tmp_path / "url")}
    assert resolve(None, variables) == resolve(ONE, variables) == ONE


def test_a_command_prints_it(tmp_path: Path) -> None:
    program = script(tmp_path, 'echo noise >&2; echo "$1"')
    assert resolve(None, {"DATABASE_URL_COMMAND": f"{program} '{ONE}'"}) == ONE


@pytest.mark.parametrize(
    ("setting", "environment"),
    [
        (OTHER, {"DATABASE_URL_FILE": "url"}),
        (None, {"DATABASE_URL": OTHER, "DATABASE_URL_FILE": "url"}),
        (ONE, {"DATABASE_URL_COMMAND": "echo"}),
        (None, {"DATABASE_URL": ONE, "DATABASE_URL_COMMAND": "echo"}),
        (None, {"DATABASE_URL_FILE": "url", "DATABASE_URL_COMMAND": "echo"}),
    ],
)
def test_two_sources_that_differ_or_cannot_be_compared_are_refused(
    setting: str | None,
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("url").write_text(ONE)
    with pytest.raises(DsnError, match="keep one") as caught:
        resolve(setting, environment)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"echo {PASSWORD}; echo {PASSWORD} >&2; exit 7", "ended with exit code 7; run it by hand"),
        (f"echo {PASSWORD}; kill -TERM $$", "was ended by signal 15; run it by hand"),
        ("true", "printed nothing; it is to print the connection string on stdout"),
        (f"echo {PASSWORD}", "DATABASE_URL_COMMAND is no connection string; percent-encode"),
        (f"echo '{ONE}'; echo '{OTHER}'", "DATABASE_URL_COMMAND is no connection string"),
        (r"printf '\377'", "DATABASE_URL_COMMAND is no connection string"),
    ],
)
def test_a_command_that_fails_is_one_line_without_its_output(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(DsnError) as caught:
        resolve(None, {"DATABASE_URL_COMMAND": f"{script(tmp_path, text)} --password {PASSWORD}"})
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


def test_a_command_that_does_not_end_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dsn, "_SECONDS", 0.2)
    with pytest.raises(DsnError, match=r"of DATABASE_URL_COMMAND did not end within 0\.2 s"):
        resolve(None, {"DATABASE_URL_COMMAND": script(tmp_path, "exec sleep 60")})


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"DATABASE_URL_COMMAND": "/none/url.sh"}, "cannot be run (No such file or directory)"),
        ({"DATABASE_URL_COMMAND": "a 'b"}, "is no command that can be read"),
        ({"DATABASE_URL_COMMAND": " "}, "is no command that can be read"),
        ({"DATABASE_URL_COMMAND": ONE}, "The command (a connection string?) of DATABASE_URL_COMMA"),
        ({"DATABASE_URL_FILE": "/none/url"}, "/none/url of DATABASE_URL_FILE cannot be read: No s"),
        ({"DATABASE_URL_FILE": "/dev/null"}, "/dev/null of DATABASE_URL_FILE cannot be read: it i"),
        ({"DATABASE_URL_FILE": ONE}, "The file (a connection string?) of DATABASE_URL_FILE cannot"),
        *(
            ({f"DATABASE_URL_{kind}": text}, "(a connection string?)")
            for kind in ("FILE", "COMMAND")
            for text in (f"u:{PASSWORD}@h", f"//u:{PASSWORD}@h/platform", f"password={PASSWORD}")
        ),
    ],
)
def test_what_cannot_be_used_is_named_unless_it_is_a_connection_string(
    environment: dict[str, str], words: str
) -> None:
    with pytest.raises(DsnError) as caught:
        resolve(None, environment)
    assert words in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_a_process_runs_the_command_once_and_again_when_it_forgets(tmp_path: Path) -> None:
    count = "echo x >>$0.runs; echo \"host=db password=$(wc -l <$0.runs | tr -d ' ')\""
    rotating = Rotating(None, {"DATABASE_URL_COMMAND": script(tmp_path, count)})
    with ThreadPoolExecutor(4) as pool:
        got = {each.result() for each in [pool.submit(rotating.get) for _ in range(8)]}
    assert got == {"host=db password=1"}
    rotating.forget("host=db password=0")
    assert rotating.get() == "host=db password=1", "another thread has forgotten that one before"
    rotating.forget("host=db password=1")
    assert rotating.get() == "host=db password=2"
