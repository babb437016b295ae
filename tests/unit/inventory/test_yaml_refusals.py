"""Files that are not plain text and plain YAML, or hold nothing: refused, each with its line."""

import time
import tracemalloc
from pathlib import Path

import pytest

from tenancy.inventory.faults import Fault
from tests.pace import pace
from tests.unit.inventory.files import faults_in, loaded, refused
from tests.unit.inventory.tables import LARGE, accepted, report_on, reported, table

MEBIBYTE = 1024 * 1024
PLAIN = "tenants:\n  acme: {}\n"
MARK_WORDS = "line 1: it begins with a byte-order mark; save it as UTF-8 without one."
NUL_WORDS = "a NUL byte; save the file as UTF-8."
HIDING_WORDS = (
    "a character that hides or breaks lines in some editors only; end lines with LF or CRLF."
)
CONFLICT_WORDS = "a conflict marker; finish the merge first."
EMPTY_WORDS = "line 1: it is empty. For example: tenants: {demo-tenant: {}}"
MAPPING_WORDS = "expected a mapping. For example: tenants: {demo-tenant: {}}"
TENANTS_WORDS = 'expected a mapping. For example: tenants: {"demo-tenant": {}}'


@table(
    {
        "tenants:\n  acme: {}\ntenants:\n  globex: {}\n": (
            "line 3, tenants: the key stands on line 1 already; keep one of the two."
        ),
        "tenants:\n  acme: {}\n  globex: {}\n  acme: {}\n": (
            "line 4, tenant acme: the key stands on line 2 already; keep one of the two."
        ),
        'tenants:\n  acme: {}\n  "acme": {}\n': (
            "line 3, tenant acme: the key stands on line 2 already; keep one of the two."
        ),
        "tenants:\n  acme:\n    integrations: 1\n    integrations: 2\n": (
            "line 4, tenant acme, integrations: the key stands on line 3 already; "
            "keep one of the two."
        ),
        "tenants:\n  acme: {}\nsizes:\n  large:\n    limits:\n      cpu: 500m\n"
        "      memory: 1Gi\n      cpu: 900m\n    requests: {cpu: 100m, memory: 1Gi}\n": (
            "line 8, sizes.large.limits.cpu: the key stands on line 6 already; keep one of the two."
        ),
    }
)
def test_a_duplicate_key_is_refused(text: str, line: str) -> None:
    assert reported(text) == [line]


def test_the_report_shows_the_first_value_of_a_duplicate_key() -> None:
    content = "tenants:\n  acme: {integrations: -1}\n  acme: {integrations: 2}\n"
    assert reported(content)[0].startswith("line 2, tenant acme, integrations: -1 — ")


@table(
    {
        "acme: &standard {}": (
            "line 2, tenant acme: an anchor; write the value out where it is used."
        ),
        "acme: {integrations: &many 80}": (
            "line 2, tenant acme, integrations: an anchor; write the value out where it is used."
        ),
        "acme: {}\n  globex: *acme": "line 3, tenant globex: an alias; write the value out.",
        "acme:\n    <<: {integrations: 3}": (
            "line 3, tenant acme: a merge key; write the fields out."
        ),
        "<<: {acme: {}}": "line 2, tenants: a merge key; write the fields out.",
        "acme: {integrations: !!int 3}": (
            "line 2, tenant acme, integrations: a tag (!!int); leave it out."
        ),
        "acme: !python/object:os.system {}": (
            "line 2, tenant acme: a tag (!python/object:os.system); leave it out."
        ),
        "acme: {size: ! standard}": "line 2, tenant acme, size: a tag (!); leave it out.",
        "acme: !<tag:yaml.org,2002:map> {}": (
            "line 2, tenant acme: a tag (tag:yaml.org,2002:map); leave it out."
        ),
        "&key acme: {}": "line 2, tenants: a key that is not plain text.",
        "*acme : {}": "line 2, tenants: a key that is not plain text.",
        "!!str 1: {}": "line 2, tenants: a key that is not plain text.",
        "[acme]: {}": "line 2, tenants: a key that is not plain text.",
    }
)
def test_yaml_that_can_hide_an_edit_is_refused(text: str, line: str) -> None:
    assert reported(f"tenants:\n  {text}\n") == [line]


@table(
    {
        f"# first\n%YAML 1.1\n---\n{PLAIN}": "line 2: a YAML directive; leave it out.",
        f"%YAML 1.2\n---\n{PLAIN}": "line 1: a YAML directive; leave it out.",
        f"%TAG ! tag:example.com,2000:\n---\n{PLAIN}": "line 1: a YAML directive; leave it out.",
        f"%SOMETHING else\n---\n{PLAIN}": "line 1: a YAML directive; leave it out.",
        f"{PLAIN}---\ntenants:\n  globex: {{}}\n": (
            "line 3: a second document; keep all tenants in one."
        ),
        f"{PLAIN}---\n": "line 3: a second document; keep all tenants in one.",
        f"{PLAIN}...\nglobex: {{}}\n": "line 4: a second document; keep all tenants in one.",
    }
)
def test_a_directive_and_a_second_document_are_refused(text: str, line: str) -> None:
    assert reported(text) == [line]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_a_byte_order_mark_is_refused(encoding: str) -> None:
    assert reported(f"\ufeff{PLAIN}".encode(encoding)) == [MARK_WORDS]


@table(
    {
        "utf-16-le": f"line 1: {NUL_WORDS}",
        "utf-16-be": f"line 1: {NUL_WORDS}",
        "latin-1": "line 2: bytes that are not UTF-8; save the file as UTF-8.",
    }
)
def test_an_encoding_other_than_utf_8_is_refused(text: str, line: str) -> None:
    assert reported("tenants:\n  acme: {} # café\n".encode(text)) == [line]


@table(
    {
        f"{PLAIN}\0": f"line 3: {NUL_WORDS}",
        "tenants:\n\tacme: {}\n": "line 2: a tab; indent and align with spaces.",
        "# é\ntenants:\n  acme: {}\t# one\n": "line 3: a tab; indent and align with spaces.",
        "tenants:\n<<<<<<< HEAD\n  acme: {}\n=======\n  globex: {}\n>>>>>>> more\n": (
            f"line 2: {CONFLICT_WORDS}"
        ),
        f"# é\n{PLAIN}=======\n": f"line 4: {CONFLICT_WORDS}",  # left of a conflict
        f"{PLAIN}# x\r  hidden: {{}}\n": f"line 3: {HIDING_WORDS}",
        "tenants: {acme: {}, # x\u2028 hidden: {}\n}": f"line 1: {HIDING_WORDS}",  # line separator
        "tenants: {acme: {}, # x\x85 hidden: {}\n}": f"line 1: {HIDING_WORDS}",  # NEL
        "tenants:\n  acme: {} # \u202e}{\n": f"line 2: {HIDING_WORDS}",  # a turn of direction
        "tenants:\n  ac\x07me: {}\n": f"line 2: {HIDING_WORDS}",  # a bell
        "tenants:\n  ac\x1bme: {}\n": f"line 2: {HIDING_WORDS}",  # an escape sequence
    }
)
def test_what_is_not_plain_text_is_refused(text: str, line: str) -> None:
    assert reported(text) == [line]


@table(
    {
        "tenants: {acme: {}\n": (
            r"line 2: not valid YAML: expected ',' or '}', but got '<stream end>'."
        ),
        f"{PLAIN}   globex: {{}}\n": (
            "line 3: not valid YAML: expected <block end>, but found '<block mapping start>'."
        ),
        'tenants:\n  "\\ud800": {}\n': (
            "line 2: not valid YAML: an escape that is half a character."
        ),
    }
)
def test_what_is_not_yaml_is_refused(text: str, line: str) -> None:
    assert reported(text) == [line]


def test_an_escape_beyond_all_characters_is_refused() -> None:
    (line,) = reported('tenants:\n  "\\UFFFFFFFF": {}\n')
    assert line.startswith("line 1: not valid YAML: ")


def test_a_file_of_more_than_one_mebibyte_is_refused(tmp_path: Path) -> None:
    problem = "it is longer than 1 MiB; split the tenants over several stacks"
    assert faults_in(tmp_path, PLAIN + "#" * MEBIBYTE) == [Fault(line=1, problem=problem)]


def test_a_file_of_one_mebibyte_is_not_too_long(tmp_path: Path) -> None:
    inventory = loaded(tmp_path, PLAIN + "#" * (MEBIBYTE - len(PLAIN) - 1) + "\n")
    assert list(inventory.tenants) == ["acme"]


def test_lines_of_equals_signs_in_a_comment_are_no_conflict() -> None:
    content = "# =======\n# ======= tenants\ntenants:\n  acme: {} # =======\n"
    assert list(accepted(content).tenants) == ["acme"]


@table(
    {
        "": EMPTY_WORDS,
        " \n\n": EMPTY_WORDS,
        "# tenants:\n#   acme: {}\n": EMPTY_WORDS,
        "---\n": f"line 2: {MAPPING_WORDS}",
        "- acme\n": f"line 1: {MAPPING_WORDS}",
        "acme\n": f"line 1: acme — {MAPPING_WORDS}",
        f"# no tenants\n{LARGE}": (
            'line 2, tenants: it is missing. For example: tenants: {"demo-tenant": {}}'
        ),
        "\ntenants:\n": f"line 2, tenants: {TENANTS_WORDS}",
        "\ntenants: null\n": f"line 2, tenants: null — {TENANTS_WORDS}",
        "\ntenants: {}\n": (
            'line 2, tenants: it is empty. For example: tenants: {"demo-tenant": {}}'
        ),
        "\ntenants: [acme]\n": f"line 2, tenants: {TENANTS_WORDS}",
    }
)
def test_nothing_is_deployed_from_a_file_without_tenants(text: str, line: str) -> None:
    assert reported(text) == [line]


@table(
    {
        "tenants: {acme: {}}": "line 1: tenants: {acme: {}}",
        "tenants:\n  acme:\n    integrations: 12": "line 3: integrations: 12",
        "tenants:\r\n  acme: {}": "line 2: acme: {}",
        f"{PLAIN}# the r": "line 3: # the r",
        f"{PLAIN}  ": "line 3: ''",
        f"{PLAIN}...": "line 3: ...",
    },
    "the last line does not end: the file may be cut short. "
    "For example: end the last line with a newline",
)
def test_a_file_whose_last_line_does_not_end_is_refused(text: str, line: str) -> None:
    assert reported(text) == [line]


def test_a_last_line_that_does_not_end_is_reported_beside_all_other_faults() -> None:
    assert report_on("tenants:\n  acme: {siz: large}\n  globex: {integrations: x}") == (
        "tenants.yaml has 3 faults; nothing is deployed from it.\n"
        "  line 2, tenant acme, siz: unknown key; did you mean `size`?\n"
        "  line 3, tenant globex, integrations: x — expected a whole number, 0 or more, not in "
        "quotes. For example: integrations: 42\n"
        "  line 3: globex: {integrations: x} — the last line does not end: the file may be cut "
        "short. For example: end the last line with a newline"
    )


def test_a_last_line_that_does_not_end_hides_no_fault_of_the_whole_file() -> None:
    assert reported("acme") == [
        "line 1: acme — expected a mapping. For example: tenants: {demo-tenant: {}}",
        "line 1: acme — the last line does not end: the file may be cut short. "
        "For example: end the last line with a newline",
    ]


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
