"""Inventories that do not fit: refused with the line, the place, the words, and what is right."""

from pathlib import Path

import pytest

from tenancy.inventory.faults import Fault
from tests.unit.inventory.files import LARGE, faults_in, loaded, report_on

ID_WORDS = (
    "expected a tenant id of lower-case letters a-z, digits and inner hyphens, "
    "at most 55 characters"
)
NAMESPACE_WORDS = (
    "expected a namespace of lower-case letters a-z, digits and inner hyphens, "
    "at most 63 characters"
)
SIZE_NAME_WORDS = (
    "expected a size's name of lower-case letters a-z, digits and inner hyphens, "
    "at most 63 characters"
)
QUOTE_WORDS = "YAML readers do not agree that this key is text; put it in quotes"
COUNT_WORDS = "expected a whole number, 0 or more, not in quotes"
POSITIVE_WORDS = "expected a whole number, 1 or more, not in quotes"
INSTANCES_WORDS = "expected a whole number from 1 to 99, not in quotes"
CPU_WORDS = 'expected CPU cores or thousandths of one, as text ("2", 500m)'
MEMORY_WORDS = "expected memory in whole Mi or Gi"
PAYLOAD_WORDS = "expected a size in whole KB or MB, as nats-server reads them (1 MB = 1024 KB)"


@pytest.mark.parametrize(
    ("content", "line", "location", "problem"),
    [
        pytest.param(
            "tenants:\n  acme: {}\nsize: {}\n",
            3,
            ("size",),
            "unknown key; did you mean `sizes`?",
            id="at the top",
        ),
        pytest.param(
            "tenants:\n  acme: {}\nversion: 1\n",
            3,
            ("version",),
            "unknown key; known are tenants, sizes",
            id="at the top, like none",
        ),
        pytest.param(
            "tenants:\n  acme:\n    size: standard\n    intgrations: 3\n",
            4,
            ("tenants", "acme", "intgrations"),
            "unknown key; did you mean `integrations`?",
            id="of a tenant",
        ),
        pytest.param(
            "tenants:\n  acme:\n    instance: 3\n",
            3,
            ("tenants", "acme", "instance"),
            "unknown key; did you mean `instances`?",
            id="of a tenant, like two",
        ),
        pytest.param(
            "tenants:\n  acme: {owner: me}\n",
            2,
            ("tenants", "acme", "owner"),
            "unknown key; known are integrations, instances, size, clients, tls, "
            "placement, state, egress",
            id="of a tenant, like none",
        ),
        pytest.param(
            'tenants:\n  acme: {"[key]": 1}\n',
            2,
            ("tenants", "acme", "[key]"),
            "unknown key; known are integrations, instances, size, clients, tls, "
            "placement, state, egress",
            id="of a tenant, spelled as pydantic marks keys",
        ),
        pytest.param(
            "tenants:\n  acme:\n    clients:\n      namespace: [acme-workers]\n",
            4,
            ("tenants", "acme", "clients", "namespace"),
            "unknown key; did you mean `namespaces`?",
            id="of the clients",
        ),
        pytest.param(
            f"tenants:\n  acme: {{}}\n{LARGE}    capcity: 100\n",
            7,
            ("sizes", "large", "capcity"),
            "unknown key; did you mean `capacity`?",
            id="of a size",
        ),
        pytest.param(
            f"tenants:\n  acme: {{}}\n{LARGE}    max_payload: 8MB\n",
            7,
            ("sizes", "large", "max_payload"),
            "unknown key; did you mean `maxPayload`?",
            id="of a size, spelled as before 0.1.0",
        ),
        pytest.param(
            f"tenants:\n  acme: {{}}\n{LARGE}    max_connections: 100\n",
            7,
            ("sizes", "large", "max_connections"),
            "unknown key; did you mean `maxConnections`?",
            id="of a size, likewise",
        ),
        pytest.param(
            "tenants:\n  acme: {}\nsizes:\n  large:\n    limits: {cpu: 500m, memory: 1Gi}\n"
            "    requests:\n      cpu: 500m\n      memory: 1Gi\n      memroy: 1Gi\n",
            9,
            ("sizes", "large", "requests", "memroy"),
            "unknown key; did you mean `memory`?",
            id="of the requests",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known(
    tmp_path: Path, content: str, line: int, location: tuple[str | int, ...], problem: str
) -> None:
    expected = [Fault(line=line, location=location, problem=problem)]
    assert expected == faults_in(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param(
            "tenants:\n  acme: {}\nsizes:\n  large:\n    requests: {cpu: 500m, memory: 1Gi}\n",
            Fault(
                line=4,
                location=("sizes", "large", "limits"),
                problem="it is missing",
                example='limits: {"cpu": "2", "memory": "4Gi"}',
            ),
            id="limits",
        ),
        pytest.param(
            "tenants:\n  acme: {}\nsizes:\n  large:\n    limits: {memory: 1Gi}\n"
            "    requests: {cpu: 500m, memory: 1Gi}\n",
            Fault(
                line=5,
                location=("sizes", "large", "limits", "cpu"),
                problem="it is missing",
                example='cpu: "2"',
            ),
            id="cpu, whose example has to be in quotes",
        ),
        pytest.param(
            "tenants:\n  acme: {}\nsizes:\n  large:\n    limits: {cpu: 500m, memory: 1Gi}\n"
            "    requests: {cpu: 500m}\n",
            Fault(
                line=6,
                location=("sizes", "large", "requests", "memory"),
                problem="it is missing",
                example="memory: 4Gi",
            ),
            id="memory",
        ),
    ],
)
def test_what_a_size_lacks_is_told_with_an_example(
    tmp_path: Path, content: str, fault: Fault
) -> None:
    assert [fault] == faults_in(tmp_path, content)


@pytest.mark.parametrize(
    "key",
    ["no", "yes", "on", "true", "null", "~", "007", "0x1f", "0o7", "1e3", "1.5", "2024-01-01", "1"],
)
def test_an_id_that_some_reader_does_not_take_for_text_has_to_be_quoted(
    tmp_path: Path, key: str
) -> None:
    fault = Fault(
        line=3,
        location=("tenants", key),
        value=key,
        problem=QUOTE_WORDS,
        example=f'"{key}":',
    )
    assert [fault] == faults_in(tmp_path, f"tenants:\n  acme: {{}}\n  {key}: {{}}\n")


@pytest.mark.parametrize("key", ["no", "yes", "null", "007", "0x1f", "1e3", "2024-01-01", "1"])
def test_the_same_id_in_quotes_is_accepted_as_it_stands(tmp_path: Path, key: str) -> None:
    inventory = loaded(tmp_path, f"tenants:\n  \"{key}\": {{}}\n  'x{key}': {{}}\n")
    assert [key, f"x{key}"] == list(inventory.tenants)


@pytest.mark.parametrize(
    ("written", "key"),
    [
        pytest.param("Acme", "Acme", id="an upper-case letter"),
        pytest.param("ac_me", "ac_me", id="an underscore"),
        pytest.param("ac.me", "ac.me", id="a dot"),
        pytest.param("ac/me", "ac/me", id="a slash"),
        pytest.param("ac me", "ac me", id="a space"),
        pytest.param("-acme", "-acme", id="a leading hyphen"),
        pytest.param("acme-", "acme-", id="a trailing hyphen"),
        pytest.param('"-"', "-", id="nothing but a hyphen"),
        pytest.param('""', "", id="nothing"),
        pytest.param('"a\\nb"', "a\nb", id="a newline inside"),
        pytest.param('"acme\\n"', "acme\n", id="a newline at the end"),
        pytest.param('"acme "', "acme ", id="a space at the end"),
        pytest.param("\u0430cme", "\u0430cme", id="a Cyrillic look-alike"),
        pytest.param('"\\u0430cme"', "\u0430cme", id="a Cyrillic look-alike that YAML escapes"),
        pytest.param("\uff41cme", "\uff41cme", id="a full-width letter"),
        pytest.param("acme\u0661", "acme\u0661", id="an Arabic digit"),
        pytest.param("ac\u200bme", "ac\u200bme", id="a zero-width space"),
        pytest.param("ac\u00adme", "ac\u00adme", id="a soft hyphen"),
        pytest.param("acme\u0301", "acme\u0301", id="a combining accent"),
        pytest.param("café", "café", id="a letter with an accent"),
        pytest.param("a" * 56, "a" * 56, id="56 characters"),
        pytest.param('"[key]"', "[key]", id="what pydantic marks keys with"),
    ],
)
def test_an_id_that_is_no_label_is_refused(tmp_path: Path, written: str, key: str) -> None:
    fault = Fault(
        line=3, location=("tenants", key), value=key, problem=ID_WORDS, example="acme-corp:"
    )
    assert [fault] == faults_in(tmp_path, f"tenants:\n  acme: {{}}\n  {written}: {{}}\n")


@pytest.mark.parametrize(
    "key",
    ["a", "7", "a-b", "a--b", "0-0", "a" * 55],
    ids=["a letter", "a digit", "a hyphen", "two hyphens", "digits", "55 characters"],
)
def test_an_id_that_is_a_label_is_accepted(tmp_path: Path, key: str) -> None:
    assert [key] == list(loaded(tmp_path, f'tenants:\n  "{key}": {{}}\n').tenants)


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        pytest.param("\u0430cme", r"'\u0430cme'", id="a Cyrillic look-alike"),
        pytest.param("ac\u200bme", r"'ac\u200bme'", id="a zero-width space"),
        pytest.param("acme\u0301", r"'acme\u0301'", id="a combining accent"),
        pytest.param('"acme\\n"', r"'acme\n'", id="a newline"),
        pytest.param('""', "''", id="nothing"),
    ],
)
def test_the_report_writes_out_what_does_not_show(tmp_path: Path, key: str, shown: str) -> None:
    expected = (
        "tenants.yaml has 1 fault; nothing is deployed from it.\n"
        f"  line 2, tenant {shown}: {shown} — {ID_WORDS}. For example: acme-corp:"
    )
    assert expected == report_on(tmp_path, f"tenants:\n  {key}: {{}}\n")


def test_the_report_cuts_what_is_too_long_to_read(tmp_path: Path) -> None:
    expected = (
        "tenants.yaml has 1 fault; nothing is deployed from it.\n"
        f"  line 2, tenant {'x' * 70}…: {'x' * 70}… — {ID_WORDS}. For example: acme-corp:"
    )
    assert expected == report_on(tmp_path, f"tenants:\n  {'x' * 400}: {{}}\n")


@pytest.mark.parametrize(
    ("body", "value"),
    [
        pytest.param("", None, id="nothing"),
        pytest.param(" null", "null", id="null"),
        pytest.param(" ~", "~", id="a tilde"),
        pytest.param(" standard", "standard", id="a word"),
        pytest.param(" 3", "3", id="a number"),
        pytest.param(" []", None, id="a list"),
    ],
)
def test_a_tenant_that_is_no_mapping_is_refused(
    tmp_path: Path, body: str, value: str | None
) -> None:
    fault = Fault(
        line=2,
        location=("tenants", "acme"),
        value=value,
        problem="expected a mapping",
        example="acme: {}",
    )
    assert [fault] == faults_in(tmp_path, f"tenants:\n  acme:{body}\n")


NO_WHOLE_NUMBERS = [
    pytest.param("-1", "-1", id="negative"),
    pytest.param("1.5", "1.5", id="a fraction"),
    pytest.param("2.0", "2.0", id="a whole fraction"),
    pytest.param("true", "true", id="true"),
    pytest.param("yes", "yes", id="yes"),
    pytest.param("many", "many", id="text"),
    pytest.param('"2"', "2", id="a number in quotes"),
    pytest.param("null", "null", id="null"),
    pytest.param("", None, id="nothing"),
    pytest.param("010", "010", id="octal to some"),
    pytest.param("0o10", "0o10", id="octal"),
    pytest.param("0x10", "0x10", id="hexadecimal"),
    pytest.param("1e1", "1e1", id="an exponent"),
    pytest.param("1_0", "1_0", id="an underscore"),
    pytest.param("1:30", "1:30", id="sixties"),
    pytest.param("+2", "+2", id="a plus sign"),
    pytest.param(".inf", ".inf", id="infinity"),
    pytest.param("9" * 100, "9" * 100, id="100 digits"),
    pytest.param("[2]", None, id="a list"),
    pytest.param("{two: 2}", None, id="a mapping"),
]


@pytest.mark.parametrize(("written", "value"), NO_WHOLE_NUMBERS)
def test_integrations_that_are_no_count_are_refused(
    tmp_path: Path, written: str, value: str | None
) -> None:
    fault = Fault(
        line=4,
        location=("tenants", "acme", "integrations"),
        value=value,
        problem=COUNT_WORDS,
        example="integrations: 42",
    )
    content = f"tenants:\n  acme:\n    size: standard\n    integrations: {written}\n"
    assert [fault] == faults_in(tmp_path, content)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *NO_WHOLE_NUMBERS,
        pytest.param("0", "0", id="none"),
        pytest.param("100", "100", id="over 99"),
    ],
)
def test_instances_that_are_no_count_from_1_to_99_are_refused(
    tmp_path: Path, written: str, value: str | None
) -> None:
    fault = Fault(
        line=4,
        location=("tenants", "acme", "instances"),
        value=value,
        problem=INSTANCES_WORDS,
        example="instances: 2",
    )
    content = f"tenants:\n  acme:\n    size: standard\n    instances: {written}\n"
    assert [fault] == faults_in(tmp_path, content)


@pytest.mark.parametrize(
    "field", [pytest.param("maxConnections", id="clients"), pytest.param("capacity", id="room")]
)
@pytest.mark.parametrize(
    ("written", "value"), [*NO_WHOLE_NUMBERS, pytest.param("0", "0", id="none")]
)
def test_a_limit_of_a_size_that_is_no_positive_count_is_refused(
    tmp_path: Path, field: str, written: str, value: str | None
) -> None:
    fault = Fault(
        line=7,
        location=("sizes", "large", field),
        value=value,
        problem=POSITIVE_WORDS,
        example=f"{field}: 50",
    )
    content = f"tenants:\n  acme: {{}}\n{LARGE}    {field}: {written}\n"
    assert [fault] == faults_in(tmp_path, content)


@pytest.mark.parametrize(
    ("fields", "field", "value", "problem", "example"),
    [
        pytest.param(
            "integrations: 51, instances: 1",
            "instances",
            "1",
            "51 integrations need 2 (size standard holds 50 each)",
            "instances: 2",
            id="fewer instances than the integrations need",
        ),
        pytest.param(
            "integrations: 401, instances: 4, size: large",
            "instances",
            "4",
            "401 integrations need 5 (size large holds 100 each)",
            "instances: 5",
            id="fewer instances than the integrations need of a size of one's own",
        ),
        pytest.param(
            "integrations: 4951",
            "integrations",
            "4951",
            "they need 100 instances (size standard holds 50 each), and 99 is the most",
            "integrations: 4950",
            id="integrations that need 100 instances",
        ),
        pytest.param(
            "integrations: 9901, instances: 99, size: large",
            "integrations",
            "9901",
            "they need 100 instances (size large holds 100 each), and 99 is the most",
            "integrations: 9900",
            id="integrations that need 100 instances of a size of one's own",
        ),
        pytest.param(
            "integrations: 999999999",
            "integrations",
            "999999999",
            "they need 20000000 instances (size standard holds 50 each), and 99 is the most",
            "integrations: 4950",
            id="integrations that need millions of instances",
        ),
        pytest.param(
            "size: huge",
            "size",
            "huge",
            "no such size; there are large, standard",
            "size: standard",
            id="a size that nobody defines",
        ),
    ],
)
def test_values_that_contradict_each_other_are_refused(
    tmp_path: Path, fields: str, field: str, value: str, problem: str, example: str
) -> None:
    fault = Fault(
        line=2,
        location=("tenants", "acme", field),
        value=value,
        problem=problem,
        example=example,
    )
    content = f"tenants:\n  acme: {{{fields}}}\n{LARGE}    capacity: 100\n"
    assert [fault] == faults_in(tmp_path, content)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param("integrations: 50, instances: 1", id="a full instance"),
        pytest.param("integrations: 51, instances: 2", id="just enough instances"),
        pytest.param("integrations: 1, instances: 99", id="99 instances by hand"),
        pytest.param("integrations: 4950", id="99 instances by integrations"),
        pytest.param("integrations: 0", id="no integration"),
    ],
)
def test_counts_at_the_edge_are_accepted(tmp_path: Path, fields: str) -> None:
    assert list(loaded(tmp_path, f"tenants:\n  acme: {{{fields}}}\n").tenants) == ["acme"]


@pytest.mark.parametrize(
    "capacity",
    [pytest.param("capacity: 1OO", id="no number"), pytest.param("capcity: 100", id="a typo")],
)
def test_what_a_size_with_a_fault_holds_is_not_guessed(tmp_path: Path, capacity: str) -> None:
    content = (
        "tenants:\n  acme: {integrations: 80, instances: 1, size: large}\n"
        f"{LARGE}    {capacity}\n"
    )
    assert [fault.line for fault in faults_in(tmp_path, content)] == [7]


@pytest.mark.parametrize(
    ("field", "written", "value", "problem", "example"),
    [
        pytest.param(
            "size", "no", "no", SIZE_NAME_WORDS, "size: large", id="a size that is no text"
        ),
        pytest.param(
            "size", "Large", "Large", SIZE_NAME_WORDS, "size: large", id="a size in upper case"
        ),
        pytest.param(
            "egress", "all", "all", "expected 'dns' or 'open'", "egress: dns", id="another egress"
        ),
        pytest.param(
            "egress", "no", "no", "expected 'dns' or 'open'", "egress: dns", id="no egress"
        ),
        pytest.param(
            "placement",
            "even",
            "even",
            "expected 'pack' or 'spread'",
            "placement: spread",
            id="another placement",
        ),
        pytest.param(
            "state",
            "terminated",
            "terminated",
            "expected 'active' or 'decommissioned'",
            "state: decommissioned",
            id="another state",
        ),
        pytest.param(
            "clients",
            "",
            None,
            "expected a mapping",
            'clients: {"namespaces": ["acme-workers"]}',
            id="clients without a value",
        ),
        pytest.param(
            "clients",
            "[acme-workers]",
            None,
            "expected a mapping",
            'clients: {"namespaces": ["acme-workers"]}',
            id="clients that are a list",
        ),
    ],
)
def test_another_field_of_a_tenant_that_does_not_fit_is_refused(
    tmp_path: Path, field: str, written: str, value: str | None, problem: str, example: str
) -> None:
    fault = Fault(
        line=3,
        location=("tenants", "acme", field),
        value=value,
        problem=problem,
        example=example,
    )
    content = f"tenants:\n  acme:\n    {field}: {written}\n{LARGE}"
    assert [fault] == faults_in(tmp_path, content)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        pytest.param("acme-workers", "acme-workers", id="a word"),
        pytest.param("", None, id="nothing"),
        pytest.param("{acme-workers: }", None, id="a mapping"),
    ],
)
def test_client_namespaces_that_are_no_list_are_refused(
    tmp_path: Path, written: str, value: str | None
) -> None:
    fault = Fault(
        line=4,
        location=("tenants", "acme", "clients", "namespaces"),
        value=value,
        problem="expected a list",
        example='namespaces: ["acme-workers"]',
    )
    content = f"tenants:\n  acme:\n    clients:\n      namespaces: {written}\n"
    assert [fault] == faults_in(tmp_path, content)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        pytest.param("Workers", "Workers", id="an upper-case letter"),
        pytest.param("no", "no", id="no text to some"),
        pytest.param("7", "7", id="a number"),
        pytest.param("a.b", "a.b", id="a dot"),
        pytest.param("a" * 64, "a" * 64, id="64 characters"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_a_client_namespace_that_is_no_label_is_refused(
    tmp_path: Path, written: str, value: str | None
) -> None:
    fault = Fault(
        line=6,
        location=("tenants", "acme", "clients", "namespaces", 1),
        value=value,
        problem=NAMESPACE_WORDS,
        example="acme-workers",
    )
    content = (
        "tenants:\n  acme:\n    clients:\n      namespaces:\n"
        f"        - acme-jobs\n        - {written}\n"
    )
    assert [fault] == faults_in(tmp_path, content)


def test_a_duplicated_client_namespace_is_refused(tmp_path: Path) -> None:
    content = (
        "tenants:\n  acme:\n    clients:\n      namespaces:\n"
        "        - acme-jobs\n        - acme-workers\n        - acme-jobs\n"
    )
    fault = Fault(
        line=7,
        location=("tenants", "acme", "clients", "namespaces", 2),
        value="acme-jobs",
        problem="it is listed already",
        example="[acme-jobs]",
    )
    assert [fault] == faults_in(tmp_path, content)


def test_one_fault_in_a_list_hides_no_other_of_the_tenant(tmp_path: Path) -> None:
    content = (
        "tenants:\n  acme:\n    integrations: 80\n    instances: 1\n    clients:\n"
        "      namespaces:\n        - acme-jobs\n        - Workers\n        - acme-jobs\n"
    )
    expected = [
        (4, ("tenants", "acme", "instances")),
        (8, ("tenants", "acme", "clients", "namespaces", 1)),
        (9, ("tenants", "acme", "clients", "namespaces", 2)),
    ]
    assert expected == [(fault.line, fault.location) for fault in faults_in(tmp_path, content)]


def size_text(
    *,
    requests: str = "cpu: 100m, memory: 64Mi",
    limits: str = 'cpu: "2", memory: 2Gi',
    further: str = "maxPayload: 1MB",
    name: str = "large",
) -> str:
    """A file whose size stands on line 4, its requests on 5, its limits on 6, the rest on 7."""
    return (
        f"tenants:\n  acme: {{}}\nsizes:\n  {name}:\n    requests: {{{requests}}}\n"
        f"    limits: {{{limits}}}\n    {further}\n"
    )


@pytest.mark.parametrize(
    ("quantity", "value"),
    [
        pytest.param("lots", "lots", id="a word"),
        pytest.param('"-1"', "-1", id="negative"),
        pytest.param('"0"', "0", id="none"),
        pytest.param("0m", "0m", id="no thousandths"),
        pytest.param('"1.5"', "1.5", id="a fraction"),
        pytest.param("1.5", "1.5", id="a bare fraction"),
        pytest.param("4GB", "4GB", id="an amount of memory"),
        pytest.param("2", "2", id="a bare number"),
        pytest.param("010m", "010m", id="a leading zero"),
        pytest.param('"2 "', "2 ", id="a space"),
        pytest.param('"2\\n"', "2\n", id="a newline"),
        pytest.param("null", "null", id="null"),
        pytest.param('""', "", id="nothing in quotes"),
    ],
)
def test_a_cpu_quantity_that_is_none_is_refused(tmp_path: Path, quantity: str, value: str) -> None:
    fault = Fault(
        line=6,
        location=("sizes", "large", "limits", "cpu"),
        value=value,
        problem=CPU_WORDS,
        example='cpu: "2"',
    )
    content = size_text(limits=f"cpu: {quantity}, memory: 2Gi")
    assert [fault] == faults_in(tmp_path, content)


@pytest.mark.parametrize(
    ("quantity", "value"),
    [
        pytest.param("lots", "lots", id="a word"),
        pytest.param('"-1"', "-1", id="negative"),
        pytest.param('"0"', "0", id="none"),
        pytest.param("0Gi", "0Gi", id="no gibibytes"),
        pytest.param('"1.5"', "1.5", id="a fraction"),
        pytest.param("1.5Gi", "1.5Gi", id="a fraction of a gibibyte"),
        pytest.param("4GB", "4GB", id="gigabytes"),
        pytest.param("4G", "4G", id="G"),
        pytest.param("4gi", "4gi", id="lower case"),
        pytest.param("4 Gi", "4 Gi", id="a space"),
        pytest.param("65536Ki", "65536Ki", id="Ki"),
        pytest.param("2", "2", id="a bare number"),
        pytest.param('"2"', "2", id="bytes"),
    ],
)
def test_a_memory_quantity_that_is_none_is_refused(
    tmp_path: Path, quantity: str, value: str
) -> None:
    fault = Fault(
        line=6,
        location=("sizes", "large", "limits", "memory"),
        value=value,
        problem=MEMORY_WORDS,
        example="memory: 4Gi",
    )
    content = size_text(limits=f'cpu: "2", memory: {quantity}')
    assert [fault] == faults_in(tmp_path, content)


@pytest.mark.parametrize(
    ("quantity", "value"),
    [
        pytest.param("lots", "lots", id="a word"),
        pytest.param('"-1"', "-1", id="negative"),
        pytest.param('"0"', "0", id="none"),
        pytest.param("0MB", "0MB", id="no megabytes"),
        pytest.param("1.5MB", "1.5MB", id="a fraction"),
        pytest.param("1GB", "1GB", id="gigabytes"),
        pytest.param("8Mi", "8Mi", id="Mi"),
        pytest.param("8mb", "8mb", id="lower case"),
        pytest.param("2", "2", id="a bare number"),
    ],
)
def test_a_payload_that_is_none_is_refused(tmp_path: Path, quantity: str, value: str) -> None:
    fault = Fault(
        line=7,
        location=("sizes", "large", "maxPayload"),
        value=value,
        problem=PAYLOAD_WORDS,
        example="maxPayload: 8MB",
    )
    assert [fault] == faults_in(tmp_path, size_text(further=f"maxPayload: {quantity}"))


@pytest.mark.parametrize("payload", ["9MB", "8193KB"])
def test_a_payload_over_8_mb_is_refused(tmp_path: Path, payload: str) -> None:
    fault = Fault(
        line=7,
        location=("sizes", "large", "maxPayload"),
        value=payload,
        problem="nats-server advises against more than 8MB",
        example="maxPayload: 8MB",
    )
    assert [fault] == faults_in(tmp_path, size_text(further=f"maxPayload: {payload}"))


@pytest.mark.parametrize("payload", ["8MB", "8192KB", "1KB"])
def test_a_payload_up_to_8_mb_is_accepted(tmp_path: Path, payload: str) -> None:
    inventory = loaded(tmp_path, size_text(further=f"maxPayload: {payload}"))
    assert payload == inventory.sizes["large"].max_payload


@pytest.mark.parametrize(
    ("requests", "limits", "field", "value", "problem", "example"),
    [
        pytest.param(
            'cpu: "3", memory: 1Gi',
            'cpu: "2", memory: 2Gi',
            "cpu",
            "3",
            "it is more than the limit of 2",
            'cpu: "2"',
            id="cores",
        ),
        pytest.param(
            "cpu: 1500m, memory: 1Gi",
            'cpu: "1", memory: 2Gi',
            "cpu",
            "1500m",
            "it is more than the limit of 1",
            'cpu: "1"',
            id="thousandths over cores",
        ),
        pytest.param(
            'cpu: "1", memory: 1Gi',
            "cpu: 999m, memory: 2Gi",
            "cpu",
            "1",
            "it is more than the limit of 999m",
            'cpu: "999m"',
            id="cores over thousandths",
        ),
        pytest.param(
            "cpu: 100m, memory: 3Gi",
            "cpu: 100m, memory: 2Gi",
            "memory",
            "3Gi",
            "it is more than the limit of 2Gi",
            "memory: 2Gi",
            id="Gi",
        ),
        pytest.param(
            "cpu: 100m, memory: 2049Mi",
            "cpu: 100m, memory: 2Gi",
            "memory",
            "2049Mi",
            "it is more than the limit of 2Gi",
            "memory: 2Gi",
            id="Mi over Gi",
        ),
    ],
)
def test_a_request_that_exceeds_its_limit_is_refused(
    tmp_path: Path, requests: str, limits: str, field: str, value: str, problem: str, example: str
) -> None:
    fault = Fault(
        line=5,
        location=("sizes", "large", "requests", field),
        value=value,
        problem=problem,
        example=example,
    )
    assert [fault] == faults_in(tmp_path, size_text(requests=requests, limits=limits))


def test_a_request_that_equals_its_limit_in_another_notation_is_accepted(tmp_path: Path) -> None:
    content = size_text(requests="cpu: 2000m, memory: 2048Mi", limits='cpu: "2", memory: 2Gi')
    assert list(loaded(tmp_path, content).sizes) == ["large"]


def test_a_memory_limit_that_leaves_no_room_for_connections_is_refused(tmp_path: Path) -> None:
    fault = Fault(
        line=6,
        location=("sizes", "large", "limits", "memory"),
        value="63Mi",
        problem="a server needs a limit of at least 64Mi",
        example="memory: 512Mi",
    )
    content = size_text(requests="cpu: 100m, memory: 63Mi", limits="cpu: 100m, memory: 63Mi")
    assert [fault] == faults_in(tmp_path, content)


def test_a_size_named_standard_is_refused(tmp_path: Path) -> None:
    fault = Fault(
        line=4,
        location=("sizes", "standard"),
        problem="this size is built in; define one of another name",
        example="large:",
    )
    assert [fault] == faults_in(tmp_path, size_text(name="standard"))


def test_a_size_whose_name_is_no_label_is_refused(tmp_path: Path) -> None:
    fault = Fault(
        line=4,
        location=("sizes", "Large"),
        value="Large",
        problem=SIZE_NAME_WORDS,
        example="large:",
    )
    assert [fault] == faults_in(tmp_path, size_text(name="Large"))


def test_sizes_without_a_value_are_refused(tmp_path: Path) -> None:
    (fault,) = faults_in(tmp_path, "tenants:\n  acme: {}\nsizes:\n")
    assert (fault.line, fault.location, fault.problem) == (3, ("sizes",), "expected a mapping")


def test_a_file_with_faults_of_many_kinds_gives_all_of_them_in_one_report(tmp_path: Path) -> None:
    content = """\
tenants:
  Acme:
    integrations: -1
  acme-corp:
    integrations: 120
    instances: 2
    size: standard
    colour: red
  no: {}
  globex:
    size: huge
    egress: everything
    clients:
      namespaces: [globex-jobs, Workers, globex-jobs]
  initech:
  acme-corp: {}
  \u0430cme: {instances: "2"}
sizes:
  standard:
    requests: {cpu: 1500m, memory: 9Gi}
    limits: {cpu: "1", memory: 8Gi}
    maxPayload: 9MB
    maxConnections: 0
  tiny:
    request: {}
    limits: {cpu: 2, memory: 4GB}
"""
    expected = """\
tenants.yaml has 22 faults; nothing is deployed from it.
  line 2, tenant Acme: Acme — expected a tenant id of lower-case letters a-z, digits and inner \
hyphens, at most 55 characters. For example: acme-corp:
  line 3, tenant Acme, integrations: -1 — expected a whole number, 0 or more, not in quotes. For \
example: integrations: 42
  line 6, tenant acme-corp, instances: 2 — 120 integrations need 3 (size standard holds 50 each). \
For example: instances: 3
  line 8, tenant acme-corp, colour: unknown key; known are integrations, instances, size, \
clients, tls, placement, state, egress.
  line 9, tenant no: no — YAML readers do not agree that this key is text; put it in quotes. For \
example: "no":
  line 11, tenant globex, size: huge — no such size; there are standard. For example: size: \
standard
  line 12, tenant globex, egress: everything — expected 'dns' or 'open'. For example: egress: dns
  line 14, tenant globex, clients.namespaces[1]: Workers — expected a namespace of lower-case \
letters a-z, digits and inner hyphens, at most 63 characters. For example: acme-workers
  line 14, tenant globex, clients.namespaces[2]: globex-jobs — it is listed already. For example: \
[globex-jobs]
  line 15, tenant initech: expected a mapping. For example: initech: {}
  line 16, tenant acme-corp: the key stands on line 4 already; keep one of the two.
  line 17, tenant '\\u0430cme', instances: 2 — expected a whole number from 1 to 99, not in \
quotes. For example: instances: 2
  line 17, tenant '\\u0430cme': '\\u0430cme' — expected a tenant id of lower-case letters a-z, \
digits and inner hyphens, at most 55 characters. For example: acme-corp:
  line 19, sizes.standard: this size is built in; define one of another name. For example: large:
  line 20, sizes.standard.requests.cpu: 1500m — it is more than the limit of 1. For example: cpu: \
"1"
  line 20, sizes.standard.requests.memory: 9Gi — it is more than the limit of 8Gi. For example: \
memory: 8Gi
  line 22, sizes.standard.maxPayload: 9MB — nats-server advises against more than 8MB. For \
example: maxPayload: 8MB
  line 23, sizes.standard.maxConnections: 0 — expected a whole number, 1 or more, not in quotes. \
For example: maxConnections: 50
  line 24, sizes.tiny.requests: it is missing. For example: requests: {"cpu": "1", "memory": \
"2Gi"}
  line 25, sizes.tiny.request: unknown key; did you mean `requests`?
  line 26, sizes.tiny.limits.cpu: 2 — expected CPU cores or thousandths of one, as text ("2", \
500m). For example: cpu: "2"
  line 26, sizes.tiny.limits.memory: 4GB — expected memory in whole Mi or Gi. For example: \
memory: 4Gi"""
    assert expected == report_on(tmp_path, content)
