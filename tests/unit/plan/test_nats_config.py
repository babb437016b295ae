"""The server's configuration, letter by letter: the hash in a ConfigMap's name depends on it."""

import json

import pytest

from tenancy.inventory.models import Nkey
from tenancy.plan.nats_config import nats_config

FIRST = "UAF5NY6LUVMB7YNAD5WSTVVIKUAD3MNAHWXZ2K3EXCQ6Q3EMR4NPSPPQ"
SECOND = "UDFNOP23RELGNYA55AGILZX5TZNMX4MSASY6KSG2UPC5P4A434VL7HKJ"
STANDARD = """\
server_name: "nats-acme-corp-1"
port: 4222
http_port: 8222
max_payload: 8MB
max_connections: 1000
max_pending: 16MB
"""

AUTHORIZATION = f"""\
authorization {{
  users: [
    {{nkey: "{FIRST}", permissions: {{\
publish: {{allow: [">"], deny: ["$SYS.>"]}}, subscribe: {{allow: [">"], deny: ["$SYS.>"]}}}}}}
    {{nkey: "{SECOND}", permissions: {{\
publish: {{allow: ["_INBOX.>", "orders.new"], deny: ["$SYS.>"]}}, subscribe: {{deny: [">"]}}}}}}
  ]
}}
"""
TLS = """\
tls {
  cert_file: "/etc/nats-tls/tls.crt"
  key_file: "/etc/nats-tls/tls.key"
  timeout: 10
}
"""


def test_the_text_of_a_standard_server() -> None:
    text = nats_config(
        server_name="nats-acme-corp-1", max_payload="8MB", max_connections=1000, max_pending="16MB"
    )
    assert text == STANDARD


def test_the_text_of_a_server_that_asks_who_a_client_is() -> None:
    limited = Nkey(key=SECOND, publish=("orders.new", "_INBOX.>"), subscribe=())
    text = nats_config(
        server_name="nats-acme-corp-1",
        max_payload="8MB",
        max_connections=1000,
        max_pending="16MB",
        nkeys=(limited, Nkey(key=FIRST)),
        tls=True,
    )
    assert text == STANDARD + AUTHORIZATION + TLS


@pytest.mark.parametrize("order", [(FIRST, SECOND), (SECOND, FIRST)])
def test_the_order_of_keys_makes_no_difference(order: tuple[str, ...]) -> None:
    nkeys = [Nkey(key=key) for key in order]
    text = nats_config(
        server_name="a", max_payload="8MB", max_connections=1, max_pending="16MB", nkeys=nkeys
    )
    assert text.index(FIRST) < text.index(SECOND)


@pytest.mark.parametrize(
    "subject", ['a"]}, {nkey: "U', "a\\", 'a\\"', "a\nport: 1", "$SYS.>", "a\x7fb", "é"]
)
def test_whatever_a_subject_holds_it_stays_one_string_on_one_line(subject: str) -> None:
    nkey = Nkey.model_construct(key=FIRST, publish=(subject,), subscribe=("b",))
    text = nats_config(
        server_name="a", max_payload="8MB", max_connections=1, max_pending="16MB", nkeys=[nkey]
    )
    [line] = [line for line in text.splitlines() if FIRST in line]
    said = line.partition("publish: {allow: [")[2].partition('], deny: ["$SYS.>"]}, subscribe')[0]
    assert json.loads(said) == subject


def test_a_name_of_digits_only_stays_text() -> None:
    text = nats_config(server_name="1e3", max_payload="1KB", max_connections=1, max_pending="2KB")
    assert 'server_name: "1e3"' in text.splitlines()
