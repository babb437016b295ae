"""A Tab completes commands and options, in the shells that people type in."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

BINARIES = Path(sys.executable).parent
ENVIRONMENT = {"PATH": f"{BINARIES}{os.pathsep}{os.environ['PATH']}", "TERM": "dumb", "PS1": "$ "}
SOURCED = 'eval "$(_TENANT_NATS_COMPLETE=source_bash tenant-nats)"'


def test_a_tab_in_bash_completes_a_command_an_option_and_a_file(tmp_path: Path) -> None:
    (tmp_path / "tenants.yaml").write_text("tenants: {}\n")
    screen, keyboard = pty.openpty()
    with subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"], cwd=tmp_path, env=ENVIRONMENT,
        stdin=keyboard, stdout=keyboard, stderr=keyboard, start_new_session=True,
    ) as bash:  # fmt: skip
        try:
            typed(screen, f"{SOURCED}; echo rea''dy\n", "ready")
            typed(screen, "tenant-nats dat\t", "tenant-nats database-roles ")
            typed(screen, "--pre\t", "--prefix ")
            typed(screen, "\x15tenant-nats check ten\t", "tenant-nats check tenants.yaml")
        finally:
            bash.kill()
    os.close(screen)
    os.close(keyboard)


def typed(terminal: int, keys: str, wanted: str) -> None:
    """Type `keys`, and wait until `wanted` is on the screen."""
    os.write(terminal, keys.encode())
    seen = ""
    end = time.monotonic() + 60
    while wanted not in seen:
        assert time.monotonic() < end, f"{wanted!r} is not in {seen!r}"
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 4096).decode()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_asks_the_command(shell: str) -> None:
    script = answer(shell, "source")
    assert f"_TENANT_NATS_COMPLETE=complete_{shell}" in script
    assert "tenant-nats" in script


def test_zsh_and_fish_get_the_commands_with_what_they_do() -> None:
    described = "Print what an edit changes, tenant by tenant."
    in_zsh = answer("zsh", "complete", _TYPER_COMPLETE_ARGS="tenant-nats cha")
    assert f'"changes":"{described}"' in in_zsh
    in_fish = answer(
        "fish", "complete",
        _TYPER_COMPLETE_ARGS="tenant-nats cha", _TYPER_COMPLETE_FISH_ACTION="get-args",
    )  # fmt: skip
    assert in_fish == f"changes\t{described}\n"


def answer(shell: str, instruction: str, **more: str) -> str:
    """What the command answers a shell."""
    asked = {**ENVIRONMENT, **more, "_TENANT_NATS_COMPLETE": f"{instruction}_{shell}"}
    return subprocess.run(
        ["tenant-nats"], env=asked, capture_output=True, text=True, check=True
    ).stdout
