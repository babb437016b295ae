"""The server's configuration, letter by letter: the hash in a ConfigMap's name depends on it."""

from tenancy.nats_config import nats_config

STANDARD = """\
server_name: "nats-acme-corp-1"
port: 4222
http_port: 8222
max_payload: 8MB
max_connections: 1000
"""


def test_the_text_of_a_standard_server() -> None:
    text = nats_config(server_name="nats-acme-corp-1", max_payload="8MB", max_connections=1000)
    assert text == STANDARD


def test_a_name_of_digits_only_stays_text() -> None:
    text = nats_config(server_name="1e3", max_payload="1KB", max_connections=1)
    assert 'server_name: "1e3"' in text.splitlines()
