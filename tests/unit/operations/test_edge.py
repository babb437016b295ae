"""The edge of the command line: what is left of a failure that no command has foreseen."""

import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from operations import edge
from sandbox.layout import PROJECT


@pytest.fixture(autouse=True)
def nobody_asks_for_tracebacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(edge.VARIABLE, raising=False)


def broken(error: Exception) -> Result:
    """The command line, with a command that fails so."""
    own = typer.Typer(cls=edge.Edge, pretty_exceptions_enable=False)

    @own.command()
    def fail() -> None:
        raise error

    @own.command()
    def other() -> None: ...

    return CliRunner().invoke(own, ["fail"])


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device", "x.md"), "x.md: No space left on device."),
        (OSError(28, "No space left on device"), "the output: No space left on device."),
        (RecursionError(), "what was read is nested too deeply."),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), "a text is not in the encoding that"),
        (KeyError("s3cret"), f"KeyError in {Path(__file__).relative_to(PROJECT)}, line "),
    ],
)
def test_what_no_command_has_foreseen_is_one_line_at_the_edge(error: Exception, told: str) -> None:
    result = broken(error)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Failed: {told}")
    assert len(result.stderr.splitlines()) == 1
    assert "s3cret" not in result.stderr


def test_a_reader_that_has_seen_enough_is_not_told() -> None:
    result = broken(BrokenPipeError(32, "Broken pipe"))
    assert (result.exit_code, result.stderr) == (1, "")


def test_whoever_changes_this_program_sees_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(edge.VARIABLE, "1")
    assert isinstance(broken(KeyError("x")).exception, KeyError)


def test_what_is_printed_is_written_before_the_exit_code_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = typer.Typer(cls=edge.Edge)

    @own.command()
    def one() -> None:
        print("not flushed")  # noqa: T201

    @own.command()
    def other() -> None: ...

    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as ended:
            own(["one"])
        monkeypatch.undo()
    assert ended.value.code == 1
    assert capsys.readouterr().err == "Failed: the output: No space left on device.\n"
