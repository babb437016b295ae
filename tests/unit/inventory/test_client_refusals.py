"""Keys, service accounts and certificates that do not fit, and secrets that no report repeats."""

from pathlib import Path

import pytest

from tenancy.inventory import nkeys
from tenancy.inventory.faults import Fault
from tenancy.inventory.models import Clients, Nkey, Tls
from tests.unit.inventory.files import faults_in, loaded, report_on

KEY = "UAF5NY6LUVMB7YNAD5WSTVVIKUAD3MNAHWXZ2K3EXCQ6Q3EMR4NPSPPQ"
OTHER = "UDFNOP23RELGNYA55AGILZX5TZNMX4MSASY6KSG2UPC5P4A434VL7HKJ"
SEED = "SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y"
"""Of the bytes 0 to 31, so no secret."""

KEY_WORDS = "expected a public user key, U and 55 more of A-Z and 2-7"
CHECKSUM_WORDS = "its checksum is wrong: a character is lost or mistyped; copy the key again"
SEED_WORDS = (
    "this may be a seed, which is a secret and is not repeated here; if it is one, make another "
    "key, since a seed in a file is out, and write the public key, U and 55 more"
)
SUBJECT_WORDS = (
    "expected a subject: tokens between dots, at most 255 characters, without spaces, quotes or a "
    "leading $; `*` stands for one token, a last `>` for all that follow"
)
ACCOUNT_WORDS = "expected a Kubernetes service account as namespace/name"
SECRET_WORDS = (
    "expected the name of a Secret, lower-case letters a-z, digits and inner hyphens and dots, "
    "at most 253 characters"
)


def with_nkey(item: str) -> str:
    """A file with `item` as the second of a tenant's keys, on line 6."""
    return f"tenants:\n  acme:\n    clients:\n      nkeys:\n        - {KEY}\n        - {item}\n"


def test_keys_are_read_plain_and_with_what_they_permit(tmp_path: Path) -> None:
    item = f'{{key: {OTHER}, publish: [orders.new, "*.a.>"], subscribe: []}}'
    expected = Clients(
        nkeys=(
            Nkey(key=KEY, publish=(">",), subscribe=(">",)),
            Nkey(key=OTHER, publish=("orders.new", "*.a.>"), subscribe=()),
        )
    )
    assert expected == loaded(tmp_path, with_nkey(item)).tenants["acme"].clients


def test_service_accounts_and_the_secret_are_read_by_the_names_of_kubernetes(
    tmp_path: Path,
) -> None:
    content = (
        "tenants:\n  acme:\n    clients: {serviceAccounts: [jobs/nightly.v2]}\n"
        "    tls: {secretName: acme.tls}\n"
    )
    tenant = loaded(tmp_path, content).tenants["acme"]
    assert tenant.clients.service_accounts == ("jobs/nightly.v2",)
    assert Tls(secret_name="acme.tls") == tenant.tls


@pytest.mark.parametrize(
    ("item", "value", "problem"),
    [
        pytest.param("worker", "worker", KEY_WORDS, id="a word"),
        pytest.param(KEY[:-1], KEY[:-1], KEY_WORDS, id="a character short"),
        pytest.param(f'"{KEY[:-1]} "', f"{KEY[:-1]} ", KEY_WORDS, id="a space"),
        pytest.param(f"U{KEY[:-1]}", f"U{KEY[:-1]}", KEY_WORDS, id="of no type"),
        pytest.param(f"{KEY[:-1]}1", f"{KEY[:-1]}1", KEY_WORDS, id="no base32"),
        pytest.param(f"{KEY[:-1]}R", f"{KEY[:-1]}R", CHECKSUM_WORDS, id="a wrong end"),
        pytest.param(
            f"{KEY[:9]}{KEY[10]}{KEY[9]}{KEY[11:]}",
            f"{KEY[:9]}{KEY[10]}{KEY[9]}{KEY[11:]}",
            CHECKSUM_WORDS,
            id="two characters exchanged",
        ),
    ],
)
@pytest.mark.parametrize("is_plain", [True, False], ids=["plain", "in a mapping"])
def test_what_is_no_public_user_key_is_refused(
    tmp_path: Path, item: str, value: str, problem: str, *, is_plain: bool
) -> None:
    place: tuple[str | int, ...] = ("tenants", "acme", "clients", "nkeys", 1)
    fault = Fault(
        line=6,
        location=place if is_plain else (*place, "key"),
        value=value,
        problem=problem,
        example=nkeys.EXAMPLE if is_plain else f"key: {nkeys.EXAMPLE}",
    )
    assert [fault] == faults_in(tmp_path, with_nkey(item if is_plain else f"{{key: {item}}}"))


@pytest.mark.parametrize(
    ("item", "value"),
    [
        pytest.param("7", "7", id="a number"),
        pytest.param("", None, id="nothing"),
        pytest.param("[]", None, id="a list"),
    ],
)
def test_what_is_neither_a_key_nor_a_mapping_is_refused(
    tmp_path: Path, item: str, value: str | None
) -> None:
    fault = Fault(
        line=6,
        location=("tenants", "acme", "clients", "nkeys", 1),
        value=value,
        problem="expected a public user key, or a mapping with `key`",
        example=nkeys.EXAMPLE,
    )
    assert [fault] == faults_in(tmp_path, with_nkey(item))


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
@pytest.mark.parametrize(
    "item", [pytest.param("%s", id="plain"), pytest.param("{key: %s}", id="in a mapping")]
)
def test_a_seed_in_place_of_a_public_key_is_refused_and_not_repeated(
    tmp_path: Path, item: str, secret: str
) -> None:
    (fault,) = faults_in(tmp_path, with_nkey(item % secret))
    report = report_on(tmp_path, with_nkey(item % secret))
    assert (fault.line, fault.value, fault.problem) == (6, None, SEED_WORDS)
    assert any(secret[at : at + 10] in report for at in range(len(secret) - 10)) is False


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
def test_no_report_repeats_a_seed_wherever_it_stands(tmp_path: Path, content: str) -> None:
    assert SEED[2:] not in report_on(tmp_path, content)


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
def test_a_subject_that_nats_has_is_accepted(tmp_path: Path, subject: str) -> None:
    quoted = "'" + subject.replace("'", "''") + "'"
    item = f"{{key: {OTHER}, publish: [{quoted}]}}"
    clients = loaded(tmp_path, with_nkey(item)).tenants["acme"].clients
    assert clients.nkeys[1].publish == (subject,)


@pytest.mark.parametrize("side", ["publish", "subscribe"])
@pytest.mark.parametrize(
    ("written", "value"),
    [
        pytest.param('""', "", id="nothing"),
        pytest.param("a..b", "a..b", id="an empty token"),
        pytest.param("a.", "a.", id="an empty token at the end"),
        pytest.param(".a", ".a", id="an empty token at the start"),
        pytest.param("a.>.b", "a.>.b", id="a > before the end"),
        pytest.param("a>", "a>", id="a > in a token"),
        pytest.param("a*.b", "a*.b", id="a * in a token"),
        pytest.param("a b", "a b", id="a space"),
        pytest.param('"a\\tb"', "a\tb", id="a tab"),
        pytest.param('"a\\n"', "a\n", id="a line end"),
        pytest.param("'a\"b'", 'a"b', id="a quote"),
        pytest.param("'a\\b'", "a\\b", id="a backslash"),
        pytest.param("$SYS.>", "$SYS.>", id="the server's own"),
        pytest.param("ordérs", "ordérs", id="a letter with an accent"),
        pytest.param("7", "7", id="a number"),
        pytest.param("a" * 256, "a" * 256, id="256 characters"),
    ],
)
def test_what_is_no_subject_is_refused(tmp_path: Path, side: str, written: str, value: str) -> None:
    fault = Fault(
        line=6,
        location=("tenants", "acme", "clients", "nkeys", 1, side, 1),
        value=value,
        problem=SUBJECT_WORDS,
        example="orders.*.created",
    )
    item = f"{{key: {OTHER}, {side}: [a, {written}]}}"
    assert [fault] == faults_in(tmp_path, with_nkey(item))


@pytest.mark.parametrize(
    ("item", "field", "problem", "example"),
    [
        pytest.param(
            "{publish: [a]}", "key", "it is missing", f"key: {nkeys.EXAMPLE}", id="no key"
        ),
        pytest.param(
            f"{{key: {OTHER}, publish: a}}",
            "publish",
            "expected a list",
            'publish: ["orders.created", "_INBOX.>"]',
            id="no list",
        ),
        pytest.param(
            f"{{key: {OTHER}, subscibe: [a]}}",
            "subscibe",
            "unknown key; did you mean `subscribe`?",
            None,
            id="a typo",
        ),
        pytest.param(
            f"{{key: {OTHER}, allow: [a]}}",
            "allow",
            "unknown key; known are key, publish, subscribe",
            None,
            id="like none",
        ),
    ],
)
def test_a_key_with_another_fault_is_refused(
    tmp_path: Path, item: str, field: str, problem: str, example: str | None
) -> None:
    (fault,) = faults_in(tmp_path, with_nkey(item))
    assert fault.location == ("tenants", "acme", "clients", "nkeys", 1, field)
    assert (fault.line, fault.problem, fault.example) == (6, problem, example)


@pytest.mark.parametrize(
    "accounts",
    [
        *("importer", "jobs/", "/importer", "a/b/c", "Jobs/importer", "jobs/importer_2"),
        *("jobs/a..b", f"{'a' * 64}/b", f"a/{'b' * 254}"),
    ],
)
def test_what_is_no_service_account_is_refused(tmp_path: Path, accounts: str) -> None:
    fault = Fault(
        line=2,
        location=("tenants", "acme", "clients", "serviceAccounts", 0),
        value=accounts,
        problem=ACCOUNT_WORDS,
        example="acme-workers/importer",
    )
    content = f"tenants:\n  acme: {{clients: {{serviceAccounts: [{accounts}]}}}}\n"
    assert [fault] == faults_in(tmp_path, content)


@pytest.mark.parametrize("name", ["Acme", "acme_tls", "-acme", "acme.", "a..b", "a" * 254])
def test_what_cannot_be_the_name_of_a_secret_is_refused(tmp_path: Path, name: str) -> None:
    fault = Fault(
        line=2,
        location=("tenants", "acme", "tls", "secretName"),
        value=name,
        problem=SECRET_WORDS,
        example="secretName: acme-nats-tls",
    )
    assert [fault] == faults_in(tmp_path, f"tenants:\n  acme: {{tls: {{secretName: {name}}}}}\n")


@pytest.mark.parametrize(
    ("content", "field", "problem", "example"),
    [
        pytest.param(
            "tls: {secret: a}",
            ("tls", "secret"),
            "unknown key; did you mean `secretName`?",
            None,
            id="a typo",
        ),
        pytest.param(
            "tls: {}",
            ("tls", "secretName"),
            "it is missing",
            "secretName: acme-nats-tls",
            id="no Secret",
        ),
        pytest.param(
            "tls: acme-nats-tls",
            ("tls",),
            "expected a mapping",
            'tls: {"secretName": "acme-nats-tls"}',
            id="no mapping",
        ),
        pytest.param(
            "clients: {service_accounts: [a/b]}",
            ("clients", "service_accounts"),
            "unknown key; did you mean `serviceAccounts`?",
            None,
            id="the name that Python has for it",
        ),
        pytest.param(
            "clients: {keys: []}",
            ("clients", "keys"),
            "unknown key; did you mean `nkeys`?",
            None,
            id="an n short",
        ),
        pytest.param(
            "clients: {users: []}",
            ("clients", "users"),
            "unknown key; known are namespaces, nkeys, serviceAccounts",
            None,
            id="like none",
        ),
    ],
)
def test_messages_have_the_names_that_the_file_has(
    tmp_path: Path, content: str, field: tuple[str, ...], problem: str, example: str | None
) -> None:
    faults = {
        fault.location: (fault.line, fault.problem, fault.example)
        for fault in faults_in(tmp_path, f"tenants:\n  acme:\n    {content}\n")
    }
    assert faults["tenants", "acme", *field] == (3, problem, example)


def test_a_key_that_a_tenant_lists_twice_is_refused(tmp_path: Path) -> None:
    (fault,) = faults_in(tmp_path, with_nkey(f"{{key: {KEY}, publish: [a]}}"))
    assert fault.location == ("tenants", "acme", "clients", "nkeys", 1, "key")
    assert (fault.line, fault.value, fault.problem) == (6, KEY, "it is listed already")


def test_a_key_of_two_tenants_is_refused_since_its_client_would_reach_both(tmp_path: Path) -> None:
    content = (
        f"tenants:\n  globex:\n    clients: {{nkeys: [{OTHER}, {KEY}]}}\n"
        f"  acme:\n    clients:\n      nkeys: [{KEY}]\n"
    )
    fault = Fault(
        line=6,
        location=("tenants", "acme", "clients", "nkeys", 0),
        value=KEY,
        problem="it is a key of tenant globex too, and its client would reach both",
        example=nkeys.EXAMPLE,
    )
    assert [fault] == faults_in(tmp_path, content)


@pytest.mark.parametrize(
    ("clients", "place"),
    [
        pytest.param("serviceAccounts: [a/b, a/c, a/b]", ("serviceAccounts", 2), id="accounts"),
        pytest.param(
            f"nkeys: [{{key: {KEY}, publish: [a, b, a]}}]", ("nkeys", 0, "publish", 2), id="publish"
        ),
        pytest.param(
            f"nkeys: [{{key: {KEY}, subscribe: [b, b]}}]",
            ("nkeys", 0, "subscribe", 1),
            id="subscribe",
        ),
    ],
)
def test_what_a_list_says_twice_is_refused(
    tmp_path: Path, clients: str, place: tuple[str | int, ...]
) -> None:
    (fault,) = faults_in(tmp_path, f"tenants:\n  acme: {{clients: {{{clients}}}}}\n")
    assert fault.location == ("tenants", "acme", "clients", *place)
    assert fault.problem == "it is listed already"


def test_a_fault_of_a_key_or_a_certificate_hides_no_other_of_the_tenant(tmp_path: Path) -> None:
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
    at = ("tenants", "acme")
    assert [(fault.line, fault.location) for fault in faults_in(tmp_path, content)] == [
        (4, (*at, "instances")),
        (5, (*at, "tls", "secretName")),
        (8, (*at, "clients", "nkeys", 0, "key")),
        (9, (*at, "clients", "nkeys", 1, "key")),
        (11, (*at, "clients", "nkeys", 2, "publish", 0)),
        (11, (*at, "clients", "nkeys", 2, "publish", 2)),
        (12, (*at, "clients", "nkeys", 3)),
    ]
