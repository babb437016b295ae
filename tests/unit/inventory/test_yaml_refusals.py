"""Files that are not plain text and plain YAML, or hold nothing: refused, each with its line."""

import time
import tracemalloc
from pathlib import Path

import pytest

from tenancy.inventory.faults import Fault
from tests.pace import pace
from tests.unit.inventory.files import LARGE, faults_in, loaded, refused, report_on

MEBIBYTE = 1024 * 1024
HIDING_WORDS = (
    "a character that hides or breaks lines in some editors only; end lines with LF or CRLF"
)
DEMO = "tenants: {demo-tenant: {}}"
TENANTS = 'tenants: {"demo-tenant": {}}'


@pytest.mark.parametrize(
    ("content", "line", "location", "problem"),
    [
        pytest.param(
            "tenants:\n  acme: {}\ntenants:\n  globex: {}\n",
            3,
            ("tenants",),
            "the key stands on line 1 already; keep one of the two",
            id="a duplicate key at the top",
        ),
        pytest.param(
            "tenants:\n  acme: {}\n  globex: {}\n  acme: {}\n",
            4,
            ("tenants", "acme"),
            "the key stands on line 2 already; keep one of the two",
            id="a duplicate tenant",
        ),
        pytest.param(
            'tenants:\n  acme: {}\n  "acme": {}\n',
            3,
            ("tenants", "acme"),
            "the key stands on line 2 already; keep one of the two",
            id="a duplicate tenant in quotes",
        ),
        pytest.param(
            "tenants:\n  acme:\n    integrations: 1\n    integrations: 2\n",
            4,
            ("tenants", "acme", "integrations"),
            "the key stands on line 3 already; keep one of the two",
            id="a duplicate field",
        ),
        pytest.param(
            "tenants:\n  acme: {}\nsizes:\n  large:\n    limits:\n      cpu: 500m\n"
            "      memory: 1Gi\n      cpu: 900m\n    requests: {cpu: 100m, memory: 1Gi}\n",
            8,
            ("sizes", "large", "limits", "cpu"),
            "the key stands on line 6 already; keep one of the two",
            id="a duplicate quantity",
        ),
        pytest.param(
            "tenants:\n  acme: &standard {}\n  globex: {}\n",
            2,
            ("tenants", "acme"),
            "an anchor; write the value out where it is used",
            id="an anchor",
        ),
        pytest.param(
            "tenants:\n  acme: {integrations: &many 80}\n",
            2,
            ("tenants", "acme", "integrations"),
            "an anchor; write the value out where it is used",
            id="an anchor of a number",
        ),
        pytest.param(
            "tenants:\n  &key acme: {}\n",
            2,
            ("tenants",),
            "a key that is not plain text",
            id="an anchor of a key",
        ),
        pytest.param(
            "tenants:\n  acme: {}\n  globex: *acme\n",
            3,
            ("tenants", "globex"),
            "an alias; write the value out",
            id="an alias",
        ),
        pytest.param(
            "tenants:\n  *acme : {}\n",
            2,
            ("tenants",),
            "a key that is not plain text",
            id="an alias for a key",
        ),
        pytest.param(
            "tenants:\n  acme:\n    <<: {integrations: 3}\n",
            3,
            ("tenants", "acme"),
            "a merge key; write the fields out",
            id="a merge key",
        ),
        pytest.param(
            "tenants:\n  <<: {acme: {}}\n",
            2,
            ("tenants",),
            "a merge key; write the fields out",
            id="a merge key among the tenants",
        ),
        pytest.param(
            "tenants:\n  acme: {integrations: !!int 3}\n",
            2,
            ("tenants", "acme", "integrations"),
            "a tag (!!int); leave it out",
            id="a tag of YAML's own",
        ),
        pytest.param(
            "tenants: !python/object:os.system {}\n",
            1,
            ("tenants",),
            "a tag (!python/object:os.system); leave it out",
            id="a tag of a program's",
        ),
        pytest.param(
            "tenants:\n  acme: {size: ! standard}\n",
            2,
            ("tenants", "acme", "size"),
            "a tag (!); leave it out",
            id="a tag without a name",
        ),
        pytest.param(
            "tenants:\n  acme: !<tag:yaml.org,2002:map> {}\n",
            2,
            ("tenants", "acme"),
            "a tag (tag:yaml.org,2002:map); leave it out",
            id="a tag in full",
        ),
        pytest.param(
            "tenants:\n  !!str 1: {}\n",
            2,
            ("tenants",),
            "a key that is not plain text",
            id="a tag of a key",
        ),
        pytest.param(
            "tenants:\n  [acme]: {}\n",
            2,
            ("tenants",),
            "a key that is not plain text",
            id="a list for a key",
        ),
        pytest.param(
            "# first\n%YAML 1.1\n---\ntenants:\n  acme: {}\n",
            2,
            (),
            "a YAML directive; leave it out",
            id="YAML 1.1",
        ),
        pytest.param(
            "%YAML 1.2\n---\ntenants:\n  acme: {}\n",
            1,
            (),
            "a YAML directive; leave it out",
            id="YAML 1.2",
        ),
        pytest.param(
            "%TAG ! tag:example.com,2000:\n---\ntenants:\n  acme: {}\n",
            1,
            (),
            "a YAML directive; leave it out",
            id="a directive for tags",
        ),
        pytest.param(
            "%SOMETHING else\n---\ntenants:\n  acme: {}\n",
            1,
            (),
            "a YAML directive; leave it out",
            id="a directive that no reader knows",
        ),
        pytest.param(
            "tenants:\n  acme: {}\n---\ntenants:\n  globex: {}\n",
            3,
            (),
            "a second document; keep all tenants in one",
            id="two documents",
        ),
        pytest.param(
            "tenants:\n  acme: {}\n---\n",
            3,
            (),
            "a second document; keep all tenants in one",
            id="a second document with nothing in it",
        ),
        pytest.param(
            "tenants:\n  acme: {}\n...\nglobex: {}\n",
            4,
            (),
            "a second document; keep all tenants in one",
            id="a document after the end of the first",
        ),
    ],
)
def test_what_hides_an_edit_is_refused(
    tmp_path: Path, content: str, line: int, location: tuple[str | int, ...], problem: str
) -> None:
    expected = [Fault(line=line, location=location, problem=problem)]
    assert expected == faults_in(tmp_path, content)


def test_of_a_duplicate_the_report_shows_the_value_that_stands_first(tmp_path: Path) -> None:
    content = "tenants:\n  acme: {integrations: -1}\n  acme: {integrations: 2}\n"
    assert faults_in(tmp_path, content)[0].value == "-1"


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        pytest.param(
            b"\xef\xbb\xbftenants:\n  acme: {}\n",
            1,
            "it begins with a byte-order mark; save it as UTF-8 without one",
            id="a byte-order mark",
        ),
        pytest.param(
            b"\xff\xfe" + "tenants:\n  acme: {}\n".encode("utf-16-le"),
            1,
            "it begins with a byte-order mark; save it as UTF-8 without one",
            id="UTF-16 LE with a mark",
        ),
        pytest.param(
            b"\xfe\xff" + "tenants:\n  acme: {}\n".encode("utf-16-be"),
            1,
            "it begins with a byte-order mark; save it as UTF-8 without one",
            id="UTF-16 BE with a mark",
        ),
        pytest.param(
            "tenants:\n  acme: {}\n".encode("utf-16-le"),
            1,
            "a NUL byte; save the file as UTF-8",
            id="UTF-16 LE without a mark",
        ),
        pytest.param(
            "tenants:\n  acme: {}\n".encode("utf-16-be"),
            1,
            "a NUL byte; save the file as UTF-8",
            id="UTF-16 BE without a mark",
        ),
        pytest.param(
            "tenants:\n  acme: {} # café\n".encode("latin-1"),
            2,
            "bytes that are not UTF-8; save the file as UTF-8",
            id="latin-1",
        ),
        pytest.param(
            b"tenants:\n\tacme: {}\n",
            2,
            "a tab; indent and align with spaces",
            id="a tab that indents",
        ),
        pytest.param(
            "# é\ntenants:\n  acme: {}\t# one\n".encode(),
            3,
            "a tab; indent and align with spaces",
            id="a tab that aligns",
        ),
        pytest.param(
            b"tenants:\n  acme: {}\n\0", 3, "a NUL byte; save the file as UTF-8", id="a NUL byte"
        ),
        pytest.param(
            b"tenants:\n<<<<<<< HEAD\n  acme: {}\n=======\n  globex: {}\n>>>>>>> more\n",
            2,
            "a conflict marker; finish the merge first",
            id="a conflict",
        ),
        pytest.param(
            "# é\ntenants:\n  acme: {}\n=======\n".encode(),
            4,
            "a conflict marker; finish the merge first",
            id="what is left of a conflict",
        ),
        pytest.param(b"tenants:\n  acme: {}\n# x\r  hidden: {}\n", 3, HIDING_WORDS, id="a lone CR"),
        pytest.param(
            "tenants: {acme: {}, # x\u2028 hidden: {}\n}".encode(),
            1,
            HIDING_WORDS,
            id="a line separator",
        ),
        pytest.param(
            "tenants: {acme: {}, # x\x85 hidden: {}\n}".encode(), 1, HIDING_WORDS, id="a NEL"
        ),
        pytest.param(
            "tenants:\n  acme: {} # \u202e}{\n".encode(), 2, HIDING_WORDS, id="a turn of direction"
        ),
        pytest.param(b"tenants:\n  ac\x07me: {}\n", 2, HIDING_WORDS, id="a bell"),
        pytest.param(b"tenants:\n  ac\x1bme: {}\n", 2, HIDING_WORDS, id="an escape sequence"),
        pytest.param(
            b"tenants:\n  acme: {}\n" + b"#" * MEBIBYTE,
            1,
            "it is longer than 1 MiB; split the tenants over several stacks",
            id="more than 1 MiB",
        ),
        pytest.param(
            b"tenants: {acme: {}\n",
            2,
            "not valid YAML: expected ',' or '}', but got '<stream end>'",
            id="a brace that is never closed",
        ),
        pytest.param(
            b"tenants:\n  acme: {}\n   globex: {}\n",
            3,
            "not valid YAML: expected <block end>, but found '<block mapping start>'",
            id="a wrong indentation",
        ),
        pytest.param(
            b'tenants:\n  "\\ud800": {}\n',
            2,
            "not valid YAML: an escape that is half a character",
            id="half a character",
        ),
    ],
)
def test_what_is_no_plain_text_is_refused(
    tmp_path: Path, content: bytes, line: int, problem: str
) -> None:
    assert [Fault(line=line, problem=problem)] == faults_in(tmp_path, content)


def test_an_escape_beyond_all_characters_is_refused(tmp_path: Path) -> None:
    (fault,) = faults_in(tmp_path, 'tenants:\n  "\\UFFFFFFFF": {}\n')
    assert fault.problem.startswith("not valid YAML: ")


def test_a_file_of_one_mebibyte_is_not_too_long(tmp_path: Path) -> None:
    text = "tenants: {acme: {}}\n"
    inventory = loaded(tmp_path, text + "#" * (MEBIBYTE - len(text) - 1) + "\n")
    assert list(inventory.tenants) == ["acme"]


def test_lines_of_equals_signs_in_a_comment_are_no_conflict(tmp_path: Path) -> None:
    content = "# =======\n# ======= tenants\ntenants:\n  acme: {} # =======\n"
    assert list(loaded(tmp_path, content).tenants) == ["acme"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param("", Fault(line=1, problem="it is empty", example=DEMO), id="no byte"),
        pytest.param(" \n\n", Fault(line=1, problem="it is empty", example=DEMO), id="blank"),
        pytest.param(
            "# tenants:\n#   acme: {}\n",
            Fault(line=1, problem="it is empty", example=DEMO),
            id="comments only",
        ),
        pytest.param(
            "---\n", Fault(line=2, problem="expected a mapping", example=DEMO), id="a start only"
        ),
        pytest.param(
            "- acme\n", Fault(line=1, problem="expected a mapping", example=DEMO), id="a list"
        ),
        pytest.param(
            "acme\n",
            Fault(line=1, value="acme", problem="expected a mapping", example=DEMO),
            id="a word",
        ),
        pytest.param(
            f"# no tenants\n{LARGE}",
            Fault(
                line=2,
                location=("tenants",),
                problem="it is missing",
                example=f"tenants: {TENANTS.removeprefix('tenants: ')}",
            ),
            id="tenants missing",
        ),
        pytest.param(
            "\ntenants:\n",
            Fault(line=2, location=("tenants",), problem="expected a mapping", example=TENANTS),
            id="tenants without a value",
        ),
        pytest.param(
            "\ntenants: null\n",
            Fault(
                line=2,
                location=("tenants",),
                value="null",
                problem="expected a mapping",
                example=TENANTS,
            ),
            id="tenants null",
        ),
        pytest.param(
            "\ntenants: {}\n",
            Fault(line=2, location=("tenants",), problem="it is empty", example=TENANTS),
            id="tenants an empty mapping",
        ),
        pytest.param(
            "\ntenants: [acme]\n",
            Fault(line=2, location=("tenants",), problem="expected a mapping", example=TENANTS),
            id="tenants a list",
        ),
    ],
)
def test_nothing_is_deployed_from_a_file_without_tenants(
    tmp_path: Path, content: str, fault: Fault
) -> None:
    assert [fault] == faults_in(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "line", "value"),
    [
        pytest.param("tenants: {acme: {}}", 1, "tenants: {acme: {}}", id="on the first line"),
        pytest.param(
            "tenants:\n  acme:\n    integrations: 12", 3, "integrations: 12", id="in a number"
        ),
        pytest.param("tenants:\r\n  acme: {}", 2, "acme: {}", id="after CRLF line ends"),
        pytest.param("tenants:\n  acme: {}\n# the r", 3, "# the r", id="in a comment"),
        pytest.param("tenants:\n  acme: {}\n  ", 3, "", id="in the indentation"),
        pytest.param("tenants:\n  acme: {}\n...", 3, "...", id="after the document's end"),
    ],
)
def test_a_file_whose_last_line_does_not_end_is_refused(
    tmp_path: Path, content: str, line: int, value: str
) -> None:
    expected = Fault(
        line=line,
        value=value,
        problem="the last line does not end: the file may be cut short",
        example="end the last line with a newline",
    )
    assert [expected] == faults_in(tmp_path, content)


def test_a_last_line_that_does_not_end_is_told_beside_all_other_faults(tmp_path: Path) -> None:
    assert report_on(tmp_path, "tenants:\n  acme: {siz: large}\n  globex: {integrations: x}") == (
        "tenants.yaml has 3 faults; nothing is deployed from it.\n"
        "  line 2, tenant acme, siz: unknown key; did you mean `size`?\n"
        "  line 3, tenant globex, integrations: x — expected a whole number, 0 or more, not in "
        "quotes. For example: integrations: 42\n"
        "  line 3: globex: {integrations: x} — the last line does not end: the file may be cut "
        "short. For example: end the last line with a newline"
    )


def test_a_last_line_that_does_not_end_hides_no_fault_of_the_whole(tmp_path: Path) -> None:
    problems = [fault.problem for fault in faults_in(tmp_path, "acme")]
    expected = ["expected a mapping", "the last line does not end: the file may be cut short"]
    assert sorted(problems) == expected


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path / "tenants.yaml")
    problem = "it cannot be read (No such file or directory)"
    assert (Fault(line=1, problem=problem),) == error.faults


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path)
    assert (Fault(line=1, problem="it cannot be read (Is a directory)"),) == error.faults


BOMBS = [
    pytest.param("[" * 200_000, "nested deeper than any inventory", id="brackets"),
    pytest.param("{" * 200_000, "nested deeper than any inventory", id="braces"),
    pytest.param("[{ " * 100_000, "nested deeper than any inventory", id="both in turn"),
    pytest.param("{a: " * 100_000, "nested deeper than any inventory", id="mappings on one line"),
    pytest.param("[a, " * 100_000, "nested deeper than any inventory", id="lists on one line"),
    pytest.param("[\n" * 100_000, "nested deeper than any inventory", id="lists, a line each"),
    pytest.param(
        "tenants: {a: {size: " + "[" * 200_000,
        "nested deeper than any inventory",
        id="brackets below a tenant",
    ),
    pytest.param("- " * 100_000, "nested deeper than any inventory", id="block lists"),
    pytest.param(
        "\n".join(f"{' ' * depth}a:" for depth in range(600)),
        "nested deeper than any inventory",
        id="block mappings",
    ),
    pytest.param("? " * 100_000, "a key that is not plain text", id="keys of keys"),
    pytest.param(
        "a0: &a0 [lol, lol]\n"
        + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)),
        "an anchor; write the value out where it is used",
        id="billion laughs",
    ),
    pytest.param(
        "tenants:\n  a: {}\n" + "  b: [" + "*a, " * 100_000 + "]\n",
        "an alias; write the value out",
        id="aliases only",
    ),
]


@pytest.mark.parametrize(("bomb", "problem"), BOMBS)
def test_a_bomb_is_refused_in_under_100_ms(tmp_path: Path, bomb: str, problem: str) -> None:
    (fault,) = faults_in(tmp_path, bomb)
    assert problem == fault.problem
    assert any(is_refused_quickly(tmp_path / "tenants.yaml") for _ in range(5))


@pytest.mark.parametrize(("bomb", "problem"), BOMBS)
def test_a_bomb_is_refused_in_under_64_mb(tmp_path: Path, bomb: str, problem: str) -> None:
    tracemalloc.start()
    try:
        (fault,) = faults_in(tmp_path, bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert problem == fault.problem
    assert peak < 64 * MEBIBYTE


def is_refused_quickly(path: Path) -> bool:
    start = time.perf_counter()
    refused(path)
    seconds = time.perf_counter() - start
    return seconds < 0.1 or seconds < 0.1 * pace()
