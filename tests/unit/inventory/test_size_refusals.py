"""Sizes that are refused: their names, keys, quantities and limits."""

import pytest

from tests.unit.inventory.tables import LARGE, NOT_COUNTS, accepted, as_written, reported, table

NUMBERS_IN_QUOTES = {'"-1"': "-1", '"0"': "0", '"1.5"': "1.5"}


def size(
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


@table(
    {
        "capcity: 100": "capcity: unknown key; did you mean `capacity`?",
        "max_payload: 8MB": "max_payload: unknown key; did you mean `maxPayload`?",
        "max_pending: 16MB": "max_pending: unknown key; did you mean `maxPending`?",
        "max_connections: 9": "max_connections: unknown key; did you mean `maxConnections`?",
    }
)
def test_an_unknown_key_is_refused_with_the_nearest_known(text: str, line: str) -> None:
    assert reported(size(further=text)) == [f"line 7, sizes.large.{line}"]


def test_an_unknown_key_of_a_quantity_is_refused_with_the_nearest_known() -> None:
    assert reported(size(requests="cpu: 100m, memory: 64Mi, memroy: 1Gi")) == [
        "line 5, sizes.large.requests.memroy: unknown key; did you mean `memory`?"
    ]


@table(
    as_written("large", "3", "null") | {"": "", "[]": ""},
    'expected a mapping. For example: large: {"requests": {"cpu": "2", "memory": "4Gi"}, '
    '"limits": {"cpu": "4", "memory": "8Gi"}, "capacity": 100}',
)
def test_a_size_that_is_not_a_mapping_is_refused(text: str, line: str) -> None:
    content = f"tenants:\n  acme: {{}}\nsizes:\n  large: {text}\n"
    assert reported(content) == [f"line 4, sizes.large: {line}"]


@table(
    {
        "requests: {cpu: 500m, memory: 1Gi}": (
            'line 4, sizes.large.limits: it is missing. For example: limits: {"cpu": "2", '
            '"memory": "4Gi"}'
        ),
        "limits: {memory: 1Gi}\n    requests: {cpu: 500m, memory: 1Gi}": (
            'line 5, sizes.large.limits.cpu: it is missing. For example: cpu: "2"'
        ),
        "limits: {cpu: 500m, memory: 1Gi}\n    requests: {cpu: 500m}": (
            "line 6, sizes.large.requests.memory: it is missing. For example: memory: 4Gi"
        ),
    }
)
def test_a_missing_field_is_reported_with_an_example(text: str, line: str) -> None:
    assert reported(f"tenants:\n  acme: {{}}\nsizes:\n  large:\n    {text}\n") == [line]


@pytest.mark.parametrize("field", ["maxConnections", "capacity"])
@table(
    NOT_COUNTS | as_written("0"),
    "expected a whole number, 1 or more, not in quotes",
)
def test_a_limit_that_is_not_a_positive_count_is_refused(field: str, text: str, line: str) -> None:
    assert reported(f"tenants:\n  acme: {{}}\n{LARGE}    {field}: {text}\n") == [
        f"line 7, sizes.large.{field}: {line}. For example: {field}: 50"
    ]


@table(
    as_written("lots", "0m", "1.5", "4GB", "2", "010m", "null")
    | NUMBERS_IN_QUOTES
    | {'"2 "': "2 ", '"2\\n"': r"'2\n'", '""': "''"},
    'expected CPU cores or thousandths of one, as text ("2", 500m). For example: cpu: "2"',
)
def test_cpu_that_is_not_cores_or_thousandths_is_refused(text: str, line: str) -> None:
    assert reported(size(limits=f"cpu: {text}, memory: 2Gi")) == [
        f"line 6, sizes.large.limits.cpu: {line}"
    ]


@table(
    as_written("lots", "0Gi", "1.5Gi", "4GB", "4G", "4gi", "4 Gi", "65536Ki", "2")
    | NUMBERS_IN_QUOTES
    | {'"2"': "2"},
    "expected memory in whole Mi or Gi. For example: memory: 4Gi",
)
def test_memory_that_is_not_whole_mi_or_gi_is_refused(text: str, line: str) -> None:
    assert reported(size(limits=f'cpu: "2", memory: {text}')) == [
        f"line 6, sizes.large.limits.memory: {line}"
    ]


@table(
    as_written("lots", "0MB", "1.5MB", "1GB", "8Mi", "8mb", "2") | NUMBERS_IN_QUOTES,
    "expected a size in whole KB or MB, as nats-server reads them (1 MB = 1024 KB)",
)
def test_a_payload_that_is_not_whole_kb_or_mb_is_refused(text: str, line: str) -> None:
    assert reported(size(further=f"maxPayload: {text}")) == [
        f"line 7, sizes.large.maxPayload: {line}. For example: maxPayload: 8MB"
    ]


@table(
    as_written("9MB", "8193KB"),
    "nats-server advises against more than 8MB. For example: maxPayload: 8MB",
)
def test_a_payload_over_8_mb_is_refused(text: str, line: str) -> None:
    assert reported(size(further=f"maxPayload: {text}")) == [
        f"line 7, sizes.large.maxPayload: {line}"
    ]


@table(
    as_written("lots", "0MB", "1.5MB", "1GB", "8Mi", "8mb", "2", "null") | NUMBERS_IN_QUOTES,
    "expected a size in whole KB or MB, as nats-server reads them (1 MB = 1024 KB)",
)
def test_a_pending_amount_that_is_not_whole_kb_or_mb_is_refused(text: str, line: str) -> None:
    assert reported(size(further=f"maxPending: {text}")) == [
        f"line 7, sizes.large.maxPending: {line}. For example: maxPending: 16MB"
    ]


@table(
    as_written("1MB", "8MB", "8192KB"),
    "with a maxPayload of 8MB, one message cuts off its receivers. For example: maxPending: 16MB",
)
def test_a_pending_amount_of_no_more_than_a_message_is_refused(text: str, line: str) -> None:
    assert reported(size(further=f"maxPending: {text}")) == [
        f"line 7, sizes.large.maxPending: {line}"
    ]


@table(
    as_written("1422MB", "9999999MB"),
    "one client that stalls would fill the memory of 2Gi. For example: maxPending: 16MB",
)
def test_a_pending_amount_that_one_client_fills_the_memory_with_is_refused(
    text: str, line: str
) -> None:
    assert reported(size(further=f"maxPending: {text}")) == [
        f"line 7, sizes.large.maxPending: {line}"
    ]


@pytest.mark.parametrize("pending", ["8193KB", "9MB", "1421MB"])
def test_a_pending_amount_between_a_message_and_the_memory_is_accepted(pending: str) -> None:
    inventory = accepted(size(further=f"maxPending: {pending}"))
    assert pending == inventory.sizes["large"].max_pending


@pytest.mark.parametrize("payload", ["8MB", "8192KB", "1KB"])
def test_a_payload_up_to_8_mb_is_accepted(payload: str) -> None:
    inventory = accepted(size(further=f"maxPayload: {payload}"))
    assert payload == inventory.sizes["large"].max_payload


@pytest.mark.parametrize(("asked", "limit"), [("3", "2"), ("1500m", "1"), ("1", "999m")])
def test_a_cpu_request_over_its_limit_is_refused(asked: str, limit: str) -> None:
    content = size(requests=f'cpu: "{asked}", memory: 1Gi', limits=f'cpu: "{limit}", memory: 2Gi')
    assert reported(content) == [
        f"line 5, sizes.large.requests.cpu: {asked} — it is more than the limit of {limit}. "
        f'For example: cpu: "{limit}"'
    ]


@pytest.mark.parametrize(("asked", "limit"), [("3Gi", "2Gi"), ("2049Mi", "2Gi")])
def test_a_memory_request_over_its_limit_is_refused(asked: str, limit: str) -> None:
    content = size(requests=f"cpu: 100m, memory: {asked}", limits=f"cpu: 100m, memory: {limit}")
    assert reported(content) == [
        f"line 5, sizes.large.requests.memory: {asked} — it is more than the limit of {limit}. "
        f"For example: memory: {limit}"
    ]


def test_a_request_that_equals_its_limit_in_another_notation_is_accepted() -> None:
    content = size(requests="cpu: 2000m, memory: 2048Mi", limits='cpu: "2", memory: 2Gi')
    assert list(accepted(content).sizes) == ["large"]


def test_a_memory_limit_that_leaves_no_room_for_connections_is_refused() -> None:
    content = size(requests="cpu: 100m, memory: 63Mi", limits="cpu: 100m, memory: 63Mi")
    assert reported(content) == [
        "line 6, sizes.large.limits.memory: 63Mi — a server needs a limit of at least 64Mi. "
        "For example: memory: 512Mi"
    ]


def test_a_size_named_standard_is_refused() -> None:
    assert reported(size(name="standard")) == [
        "line 4, sizes.standard: this size is built in; define one of another name. "
        "For example: large:"
    ]


def test_a_size_whose_name_is_not_a_label_is_refused() -> None:
    assert reported(size(name="Large")) == [
        "line 4, sizes.Large: Large — expected a size's name of lower-case letters a-z, digits and "
        "inner hyphens, at most 63 characters. For example: large:"
    ]


@pytest.mark.parametrize("capacity", ["capacity: 1OO", "capcity: 100"])
def test_the_capacity_of_a_size_with_a_fault_is_not_guessed(capacity: str) -> None:
    content = (
        "tenants:\n  acme: {integrations: 80, instances: 1, size: large}\n"
        f"{LARGE}    {capacity}\n"
    )
    (line,) = reported(content)
    assert line.startswith("line 7, sizes.large.")


TOLERATION = "For example: {key: dedicated, value: nats, effect: NoSchedule}"


@table(
    {
        "nodeSelector: {a b: c}": (
            "nodeSelector.a b: a b — expected the key of a node's label. For example: "
            "kubernetes.io/arch:"
        ),
        "nodeSelector: {pool: a b}": (
            "nodeSelector.pool: a b — expected the value of a node's label, as text. For example: "
            "pool: amd64"
        ),
        "nodeSelector: [pool]": (
            'nodeSelector: expected a mapping. For example: nodeSelector: {"pool": "nats-large"}'
        ),
        "tolerations: {key: a}": (
            'tolerations: expected a list. For example: tolerations: [{"key": "dedicated", '
            '"value": "nats", "effect": "NoSchedule"}]'
        ),
        "tolerations: [a]": f"tolerations[0]: a — expected a mapping. {TOLERATION}",
        "tolerations: [{kye: a}]": "tolerations[0].kye: unknown key; did you mean `key`?",
        "tolerations: [{key: a, toleration_seconds: 1}]": (
            "tolerations[0].toleration_seconds: unknown key; did you mean `tolerationSeconds`?"
        ),
        "tolerations: [{key: a b}]": (
            "tolerations[0].key: a b — expected the key of a node's taint. For example: key: "
            "dedicated"
        ),
        "tolerations: [{key: a, effect: NoRun}]": (
            "tolerations[0].effect: NoRun — expected 'NoSchedule', 'PreferNoSchedule' or "
            "'NoExecute'. For example: effect: NoSchedule"
        ),
        "tolerations: [{key: a, operator: Gt}]": (
            "tolerations[0].operator: Gt — expected 'Equal' or 'Exists'. For example: operator: "
            "Exists"
        ),
        "tolerations: [{key: a}, {value: b, tolerationSeconds: 1}]": (
            "tolerations[1]: expected a `key`, or `operator: Exists` for every taint, and "
            f"`effect: NoExecute` with `tolerationSeconds`. {TOLERATION}"
        ),
        "tolerations: [{key: a, operator: Exists, value: b}]": (
            f"tolerations[0]: expected no `value` with `operator: Exists`. {TOLERATION}"
        ),
        'tolerations: [{key: a, effect: NoExecute, tolerationSeconds: "1"}]': (
            "tolerations[0].tolerationSeconds: 1 — expected whole seconds, 0 or more, not in "
            "quotes. For example: tolerationSeconds: 30"
        ),
        "priorityClassName: High": (
            "priorityClassName: High — expected the name of a PriorityClass. For example: "
            "priorityClassName: tenant-servers"
        ),
    }
)
def test_what_no_api_server_takes_is_refused(text: str, line: str) -> None:
    assert reported(size(further=text)) == [f"line 7, sizes.large.{line}"]


def test_all_faults_of_the_nodes_come_in_one_report_beside_others() -> None:
    further = "nodeSelector: {a: b c}\n    tolerations: [{}, {key: a b}]\n    maxPayload: 9GB"
    assert [line.split(": ")[0] for line in reported(size(further=further))] == [
        "line 7, sizes.large.nodeSelector.a",
        "line 8, sizes.large.tolerations[0]",
        "line 8, sizes.large.tolerations[1].key",
        "line 9, sizes.large.maxPayload",
    ]
