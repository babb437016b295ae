"""`make recording`: run `make up` in a terminal, and draw what it showed as docs/make-up.svg.

The picture is a film of the terminal that needs no script: below each line that was printed lies a
cover, and the lines scroll behind a window. Where animations are off, it shows the end.
"""

import argparse
import errno
import os
import pty
import re
import subprocess
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from string import Template

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

PROJECT = Path(__file__).resolve().parent.parent
COMMAND = ("make", "up")

_COLUMNS = 118
_ROWS = 28
"""How many rows the window shows; the summary at the end fits into it."""
_ROW_HEIGHT = 24.4
_COLUMN_WIDTH = 12.2
"""What rich gives a row, and a column."""
_SECONDS_A_ROW = 0.17
_SECONDS_AT_THE_END = 12
_PROGRESS = re.compile(r"@ updating|creating \(")
"""What the engine says again when it is done, or says of nothing but time."""
_WARNED_LATER = re.compile(r"^ +pulumi:pulumi:Stack ")
"""What the engine says again under Diagnostics."""
_PATH = re.compile(r"/[^\s'=]*/(?=kubectl\b|psql\b|\.sandbox/)")

_FRAME = Template("""\
<svg viewBox="0 0 $width $height" xmlns="http://www.w3.org/2000/svg">
<title>What `make up` prints, from the command to the tenants' addresses</title>
<style>
.up-matrix {{ font: 20px/${row}px "Fira Code", "DejaVu Sans Mono", Menlo, Consolas, monospace; }}
.scroll {{ transform: translateY(${scrolled}px); animation: scroll ${seconds}s step-end infinite; }}
.cover {{ transform: translateY(${covered}px); animation: cover ${seconds}s step-end infinite; }}
@keyframes scroll {{
$scroll
}}
@keyframes cover {{
$cover
}}
@media (prefers-reduced-motion: reduce) {{ .scroll, .cover {{ animation: none; }} }}
{styles}
</style>
<defs>
<clipPath id="up-window"><rect y="4" width="$width" height="$window"/></clipPath>
{lines}
</defs>
<rect width="$width" height="$height" rx="8" fill="$background"/>
<g transform="translate(26, 22)">
<circle r="7" fill="#ff5f57"/>
<circle cx="22" r="7" fill="#febc2e"/>
<circle cx="44" r="7" fill="#28c840"/>
</g>
<g transform="translate(9, 44)" clip-path="url(#up-window)">
<g class="scroll">
{backgrounds}
<g class="up-matrix">
{matrix}
</g>
<rect class="cover" width="$width" height="$covered" fill="$background"/>
</g>
</g>
</svg>
""")
"""What `$` marks is filled in here, and what stands in braces by rich."""


def recorded(command: Sequence[str]) -> str:
    """What a command prints to a terminal.

    Raises:
        CalledProcessError: it failed.
    """
    # A make under another make tells the folder that it works in.
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, cwd=PROJECT, stdin=theirs, stdout=theirs, stderr=theirs,
        env={**outside, "TERM": "xterm-256color", "COLUMNS": str(_COLUMNS)},
    )  # fmt: skip
    os.close(theirs)
    data = b"".join(_chunks(ours))
    os.close(ours)
    if code := process.wait():
        raise subprocess.CalledProcessError(code, command, data)
    return data.decode()


def _chunks(terminal: int) -> Iterator[bytes]:
    """All that comes out of a terminal, until the last program in it has ended."""
    while True:
        try:
            data = os.read(terminal, 1 << 16)
        except OSError as error:
            # How Linux says that nobody has the other end any more.
            if error.errno != errno.EIO:
                raise
            return
        if not data:
            return
        yield data


def shown(command: Sequence[str], output: str) -> list[Text]:
    """The rows of the picture: without what was only progress, and without this machine's paths."""
    console = Console(width=_COLUMNS)
    rows = [Text.from_markup(f"[bold green]$[/] [bold]{' '.join(command)}[/]")]
    for line in output.replace("\r", "").splitlines():
        text = Text.from_ansi(line)
        if _PROGRESS.search(text.plain) or _WARNED_LATER.match(text.plain):
            continue
        for path in reversed(list(_PATH.finditer(text.plain))):
            text = Text.assemble(text[: path.start()], "…/", text[path.end() :])
        rows += text.wrap(console, _COLUMNS) if text.plain else [Text()]
    for row in rows:
        row.rstrip()
    return rows


def drawn(rows: Sequence[Text]) -> str:
    """The film, as SVG."""
    console = Console(record=True, width=_COLUMNS, file=StringIO())
    for row in rows:
        console.print(row, no_wrap=True, overflow="ignore", crop=False)
    return console.export_svg(
        title=f"{COMMAND[0]} {COMMAND[1]}",
        theme=MONOKAI,
        code_format=_format(len(rows)),
        unique_id="up",
    )


def _format(rows: int) -> str:
    """The frame into which rich puts the rows, for so many of them."""
    seconds = rows * _SECONDS_A_ROW + _SECONDS_AT_THE_END
    covered = [row * _ROW_HEIGHT for row in range(1, rows + 1)]
    scrolled = [min(0.0, _ROWS * _ROW_HEIGHT - height) for height in covered]
    return _FRAME.substitute(
        width=round(_COLUMNS * _COLUMN_WIDTH) + 18,
        height=round(_ROWS * _ROW_HEIGHT) + 58,
        window=f"{_ROWS * _ROW_HEIGHT:g}",
        background=f"#{bytes(MONOKAI.background_color).hex()}",
        row=_ROW_HEIGHT,
        seconds=f"{seconds:g}",
        scroll=_keyframes(scrolled, seconds),
        cover=_keyframes(covered, seconds),
        scrolled=f"{scrolled[-1]:g}",
        covered=f"{covered[-1]:g}",
    )


def _keyframes(places: Sequence[float], seconds: float) -> str:
    """Where something is, row by row, in braces as rich wants them; what stays is said once."""
    return "\n".join(
        f"{100 * row * _SECONDS_A_ROW / seconds:.2f}% {{{{ transform: translateY({place:g}px); }}}}"
        for row, place in enumerate(places)
        if row == 0 or place != places[row - 1]
    )


def main() -> None:
    """Make the sandbox anew, and draw what that showed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    file: Path = parser.parse_args().file
    subprocess.run(["make", "--no-print-directory", "down"], cwd=PROJECT, check=True)
    file.write_text(drawn(shown(COMMAND, recorded(COMMAND))))
    print(f"{file} is drawn: {file.stat().st_size // 1000} kB.")


if __name__ == "__main__":
    main()
