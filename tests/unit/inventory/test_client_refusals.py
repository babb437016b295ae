"""Clients, keys and certificates that are refused, and secrets that no report repeats."""

import pytest

from tenancy.inventory.models import Clients, Nkey, Tls
from tenancy.inventory.nkeys import EXAMPLE
from tests.unit.inventory.tables import accepted, as_written, report_on, reported, table

KEY = "UAF5NY6LUVMB7YNAD5WSTVVIKUAD3MNAHWXZ2K3EXCQ6Q3EMR4NPSPPQ"
OTHER = "UDFNOP23RELGNYA55AGILZX5TZNMX4MSASY6KSG2UPC5P4A434VL7HKJ"
SEED = "SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y"
"""Of the bytes 0 to 31, so no secret."""
SWAPPED = f"{KEY[:9]}{KEY[10]}{KEY[9]}{KEY[11:]}"
"""`KEY` with two characters exchanged."""

KEY_WORDS = "expected a public user key, U and 55 more of A-Z and 2-7"
CHECKSUM_WORDS = "its checksum is wrong: a character is lost or mistyped; copy the key again"
SEED_WORDS = (
    "this may be a seed, which is a secret and is not repeated here; if it is one, make another "
    "key, since a seed in a file is out, and write the public key, U and 55 more"
)
NO_KEY_WORDS = f"expected a public user key, or a mapping with `key`. For example: {EXAMPLE}"
NO_CLIENTS_WORDS = 'expected a mapping. For example: clients: {"namespaces": ["acme-workers"]}'


def with_nkey(item: str) -> str:
    """A file with `item` as the second of a tenant's keys, on line 6."""
    return f"tenants:\n  acme:\n    clients:\n      nkeys:\n        - {KEY}\n        - {item}\n"


plain_or_in_a_mapping = pytest.mark.parametrize(
    ("item", "place", "example"),
    [("%s", "nkeys[1]", EXAMPLE), ("{key: %s}", "nkeys[1].key", f"key: {EXAMPLE}")],
    ids=["plain", "in a mapping"],
)


def test_keys_are_read_plain_and_with_what_they_permit() -> None:
    item = f'{{key: {OTHER}, publish: [orders.new, "*.a.>"], subscribe: []}}'
    expected = Clients(
        nkeys=(
            Nkey(key=KEY, publish=(">",), subscribe=(">",)),
            Nkey(key=OTHER, publish=("orders.new", "*.a.>"), subscribe=()),
        )
    )
    assert expected == accepted(with_nkey(item)).tenants["acme"].clients


def test_service_accounts_and_the_secret_are_read_by_the_names_of_kubernetes() -> None:
    content = (
        "tenants:\n  acme:\n    clients: {serviceAccounts: [jobs/nightly.v2]}\n"
        "    tls: {secretName: acme.tls}\n"
    )
    tenant = accepted(content).tenants["acme"]
    assert tenant.clients.service_accounts == ("jobs/nightly.v2",)
    assert Tls(secret_name="acme.tls") == tenant.tls


@table(
    {
        "clients:": f"clients: {NO_CLIENTS_WORDS}",
        "clients: [a]": f"clients: {NO_CLIENTS_WORDS}",
        "clients: {namespace: [a]}": "clients.namespace: unknown key; did you mean `namespaces`?",
        "clients: {service_accounts: [a/b]}": (
            "clients.service_accounts: unknown key; did you mean `serviceAccounts`?"
        ),
        "clients: {keys: []}": "clients.keys: unknown key; did you mean `nkeys`?",
        "clients: {users: []}": (
            "clients.users: unknown key; known are namespaces, nkeys, serviceAccounts."
        ),
        "tls: acme-nats-tls": (
            "tls: acme-nats-tls — expected a mapping. For example: tls: "
            '{"secretName": "acme-nats-tls"}'
        ),
        "tls: {}": "tls.secretName: it is missing. For example: secretName: acme-nats-tls",
        "tls: {secretName: a, secret: a}": "tls.secret: unknown key; did you mean `secretName`?",
    }
)
def test_clients_and_tls_are_mappings_of_known_keys(text: str, line: str) -> None:
    assert reported(f"tenants:\n  acme:\n    {text}\n") == [f"line 3, tenant acme, {line}"]


@table(
    as_written("acme-workers") | {"": "", "{acme-workers: }": ""},
    'expected a list. For example: namespaces: ["acme-workers"]',
)
def test_namespaces_that_are_not_a_list_are_refused(text: str, line: str) -> None:
    content = f"tenants:\n  acme:\n    clients:\n      namespaces: {text}\n"
    assert reported(content) == [f"line 4, tenant acme, clients.namespaces: {line}"]


@table(
    as_written("Workers", "no", "7", "a.b", "a" * 64) | {"": ""},
    "expected a namespace of lower-case letters a-z, digits and inner hyphens, "
    "at most 63 characters. For example: acme-workers",
)
def test_a_namespace_that_is_not_a_label_is_refused(text: str, line: str) -> None:
    content = (
        "tenants:\n  acme:\n    clients:\n      namespaces:\n"
        f"        - acme-jobs\n        - {text}\n"
    )
    assert reported(content) == [f"line 6, tenant acme, clients.namespaces[1]: {line}"]


@table(
    as_written(
        *("importer", "jobs/", "/importer", "a/b/c", "Jobs/importer", "jobs/importer_2"),
        *("jobs/a..b", f"{'a' * 64}/b"),
    )
    | {f"a/{'b' * 254}": f"a/{'b' * 68}…"},
    "expected a Kubernetes service account as namespace/name. For example: acme-workers/importer",
)
def test_what_is_not_a_service_account_is_refused(text: str, line: str) -> None:
    assert reported(f"tenants:\n  acme: {{clients: {{serviceAccounts: [{text}]}}}}\n") == [
        f"line 2, tenant acme, clients.serviceAccounts[0]: {line}"
    ]


@table(
    as_written("Acme", "acme_tls", "-acme", "acme.", "a..b") | {"a" * 254: f"{'a' * 70}…"},
    "expected the name of a Secret, lower-case letters a-z, digits and inner hyphens and dots, "
    "at most 253 characters. For example: secretName: acme-nats-tls",
)
def test_what_cannot_be_the_name_of_a_secret_is_refused(text: str, line: str) -> None:
    assert reported(f"tenants:\n  acme: {{tls: {{secretName: {text}}}}}\n") == [
        f"line 2, tenant acme, tls.secretName: {line}"
    ]


@plain_or_in_a_mapping
@table(
    {
        "worker": f"worker — {KEY_WORDS}",
        KEY[:-1]: f"{KEY[:-1]} — {KEY_WORDS}",
        f'"{KEY[:-1]} "': f"{KEY[:-1]}  — {KEY_WORDS}",
        f"U{KEY[:-1]}": f"U{KEY[:-1]} — {KEY_WORDS}",  # of no type
        f"{KEY[:-1]}1": f"{KEY[:-1]}1 — {KEY_WORDS}",  # not base32
        f"{KEY[:-1]}R": f"{KEY[:-1]}R — {CHECKSUM_WORDS}",
        SWAPPED: f"{SWAPPED} — {CHECKSUM_WORDS}",
    }
)
def test_what_is_not_a_public_user_key_is_refused(
    item: str, place: str, example: str, text: str, line: str
) -> None:
    assert reported(with_nkey(item % text)) == [
        f"line 6, tenant acme, clients.{place}: {line}. For example: {example}"
    ]


@plain_or_in_a_mapping
@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(SEED, id="a seed"),
        pytest.param(SEED.lower(), id="in lower case"),
        pytest.param(SEED[1:], id="without its first character"),
        pytest.param(SEED[2:], id="without its first two"),
        pytest.param(SEED[:40], id="its larger part"),
        pytest.param(f"{SEED}A", id="with a character more"),
        pytest.param(f"nkey-{SEED}", id="after a word"),
        pytest.param(f"U{SEED}", id="after a slip of the keyboard"),
        pytest.param(f'"{KEY} {SEED}"', id="after its public key"),
    ],
)
def test_a_seed_in_place_of_a_public_key_is_refused_and_not_repeated(
    item: str, place: str, example: str, secret: str
) -> None:
    assert reported(with_nkey(item % secret)) == [
        f"line 6, tenant acme, clients.{place}: {SEED_WORDS}. For example: {example}"
    ]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(f"tenants:\n  {SEED}: {{}}\n", id="an id"),
        pytest.param(f"tenants:\n  acme: {{{SEED}: 1}}\n", id="a key"),
        pytest.param(f"tenants:\n  acme: {{size: {SEED}}}\n", id="a value"),
        pytest.param(f"tenants:\n  acme: {{clients: {{nkeys: {SEED}}}}}\n", id="no list"),
        pytest.param(with_nkey(f"{{{SEED}: ''}}"), id="a key of a key"),
        pytest.param(with_nkey(f"{{key: {OTHER}, publish: [a.{SEED}]}}"), id="a subject"),
        pytest.param(f"tenants:\n  acme: {{}}\n  {SEED}: {{}}\n  {SEED}: {{}}\n", id="twice"),
        pytest.param(f"tenants:\n  acme: !{SEED} {{}}\n", id="a tag"),
        pytest.param(f"tenants:\n  acme: {{}}\n# {SEED}", id="the end of a cut file"),
    ],
)
def test_no_report_repeats_a_seed_wherever_the_file_has_it(content: str) -> None:
    assert SEED[2:] not in report_on(content)


@pytest.mark.parametrize(
    "subject",
    [
        pytest.param("orders.created", id="two tokens"),
        pytest.param("_INBOX.>", id="an inbox"),
        pytest.param(">", id="everything"),
        pytest.param("*", id="one token"),
        pytest.param("a.*.*.b.>", id="of both kinds"),
        pytest.param("a-b_c:d/e@f+g=h~i%j{k}'l'#m;n,o", id="unusual characters"),
        pytest.param("prices.$", id="a dollar inside"),
        pytest.param("a" * 255, id="255 characters"),
    ],
)
def test_a_valid_subject_is_accepted(subject: str) -> None:
    quoted = "'" + subject.replace("'", "''") + "'"
    item = f"{{key: {OTHER}, publish: [{quoted}]}}"
    clients = accepted(with_nkey(item)).tenants["acme"].clients
    assert clients.nkeys[1].publish == (subject,)


@pytest.mark.parametrize("side", ["publish", "subscribe"])
@table(
    as_written("a..b", "a.", ".a", "a.>.b", "a>", "a*.b", "a b", "$SYS.>", "7")
    | {'""': "''", '"a\\tb"': r"'a\tb'", '"a\\n"': r"'a\n'", "'a\"b'": 'a"b', r"'a\b'": r"a\b"}
    | {"ordérs": r"'ord\xe9rs'", "a" * 256: f"{'a' * 70}…"},
    "expected a subject: tokens between dots, at most 255 characters, without spaces, quotes or a "
    "leading $; `*` stands for one token, a last `>` for all that follow. "
    "For example: orders.*.created",
)
def test_what_is_not_a_subject_is_refused(side: str, text: str, line: str) -> None:
    assert reported(with_nkey(f"{{key: {OTHER}, {side}: [a, {text}]}}")) == [
        f"line 6, tenant acme, clients.nkeys[1].{side}[1]: {line}"
    ]


@table(
    {
        "7": f": 7 — {NO_KEY_WORDS}",
        "": f": {NO_KEY_WORDS}",
        "[]": f": {NO_KEY_WORDS}",
        "{publish: [a]}": f".key: it is missing. For example: key: {EXAMPLE}",
        f"{{key: {OTHER}, publish: a}}": (
            '.publish: a — expected a list. For example: publish: ["orders.created", "_INBOX.>"]'
        ),
        f"{{key: {OTHER}, subscibe: [a]}}": ".subscibe: unknown key; did you mean `subscribe`?",
        f"{{key: {OTHER}, allow: [a]}}": (
            ".allow: unknown key; known are key, publish, subscribe."
        ),
    }
)
def test_an_nkey_that_does_not_fit_is_refused(text: str, line: str) -> None:
    assert reported(with_nkey(text)) == [f"line 6, tenant acme, clients.nkeys[1]{line}"]


@table(
    {
        "namespaces: [a, b, a]": "namespaces[2]: a — it is listed already. For example: [a]",
        "serviceAccounts: [a/b, a/c, a/b]": (
            "serviceAccounts[2]: a/b — it is listed already. For example: [a/b]"
        ),
        f"nkeys: [{KEY}, {{key: {KEY}, publish: [a]}}]": (
            f"nkeys[1].key: {KEY} — it is listed already. For example: {EXAMPLE}"
        ),
        f"nkeys: [{{key: {KEY}, publish: [a, b, a]}}]": (
            "nkeys[0].publish[2]: a — it is listed already. For example: [a]"
        ),
        f"nkeys: [{{key: {KEY}, subscribe: [b, b]}}]": (
            "nkeys[0].subscribe[1]: b — it is listed already. For example: [b]"
        ),
    }
)
def test_an_item_that_is_listed_twice_is_refused(text: str, line: str) -> None:
    assert reported(f"tenants:\n  acme: {{clients: {{{text}}}}}\n") == [
        f"line 2, tenant acme, clients.{line}"
    ]


def test_a_key_of_two_tenants_is_refused_since_its_client_would_reach_both() -> None:
    content = (
        f"tenants:\n  globex:\n    clients: {{nkeys: [{OTHER}, {KEY}]}}\n"
        f"  acme:\n    clients:\n      nkeys: [{KEY}]\n"
    )
    assert reported(content) == [
        f"line 6, tenant acme, clients.nkeys[0]: {KEY} — it is a key of tenant globex too, "
        f"and its client would reach both. For example: {EXAMPLE}"
    ]


def places(content: str) -> list[str]:
    """Where the report on `content` has faults."""
    return [line.partition(": ")[0] for line in reported(content)]


def test_one_fault_in_a_list_hides_no_other_of_the_tenant() -> None:
    content = (
        "tenants:\n  acme:\n    integrations: 80\n    instances: 1\n    clients:\n"
        "      namespaces:\n        - acme-jobs\n        - Workers\n        - acme-jobs\n"
    )
    assert places(content) == [
        "line 4, tenant acme, instances",
        "line 8, tenant acme, clients.namespaces[1]",
        "line 9, tenant acme, clients.namespaces[2]",
    ]


def test_a_fault_of_a_key_or_a_certificate_hides_no_other_of_the_tenant() -> None:
    content = f"""\
tenants:
  acme:
    integrations: 80
    instances: 1
    tls: {{secretName: Acme}}
    clients:
      nkeys:
        - key: nothing
        - publish: [a]
        - key: {KEY}
          publish: ["a b", a, a]
        - {KEY}
"""
    assert places(content) == [
        "line 4, tenant acme, instances",
        "line 5, tenant acme, tls.secretName",
        "line 8, tenant acme, clients.nkeys[0].key",
        "line 9, tenant acme, clients.nkeys[1].key",
        "line 11, tenant acme, clients.nkeys[2].publish[0]",
        "line 11, tenant acme, clients.nkeys[2].publish[2]",
        "line 12, tenant acme, clients.nkeys[3]",
    ]
