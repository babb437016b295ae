"""The configuration text of one NATS server.

Core NATS and nothing else: no JetStream, no cluster, no leaf nodes, no system account. Lame duck
settings are left out on purpose: with one server there is nowhere to drain to (`docs/adr/0006`).
"""

import json
from collections.abc import Iterable

from tenancy.inventory.models import Nkey
from tenancy.names import CLIENT_PORT, MONITORING_PORT

TLS_FOLDER = "/etc/nats-tls"
"""Where the server finds `tls.crt` and `tls.key` of its Secret."""

_SERVERS_OWN = "$SYS.>"


def nats_config(
    *,
    server_name: str,
    max_payload: str,
    max_connections: int,
    max_pending: str,
    nkeys: Iterable[Nkey] = (),
    tls: bool = False,
) -> str:
    """What `nats-server -c` reads.

    Args:
        server_name: the instance's name.
        max_payload: the largest message, as in "8MB" (1 MB is 1024 KB to nats-server).
        max_connections: the most clients at a time; never 0, which refuses everybody.
        max_pending: how much may wait for one client before it is cut off; more than max_payload,
            or the server does not start.
        nkeys: the only clients that are admitted; without any, all are. Their order does not
            change the text.
        tls: whether clients have to use TLS.
    """
    return f"""\
server_name: "{server_name}"
port: {CLIENT_PORT}
http_port: {MONITORING_PORT}
max_payload: {max_payload}
max_connections: {max_connections}
max_pending: {max_pending}
{_authorization(sorted(nkeys, key=lambda nkey: nkey.key))}{_tls() if tls else ""}"""


def _authorization(nkeys: list[Nkey]) -> str:
    if not nkeys:
        return ""
    users = "".join(f"    {_user(nkey)}\n" for nkey in nkeys)
    return f"authorization {{\n  users: [\n{users}  ]\n}}\n"


def _user(nkey: Nkey) -> str:
    publish, subscribe = _permission(nkey.publish), _permission(nkey.subscribe)
    permissions = f"{{publish: {publish}, subscribe: {subscribe}}}"
    return f"{{nkey: {_quoted(nkey.key)}, permissions: {permissions}}}"


def _permission(subjects: tuple[str, ...]) -> str:
    """The permission for `subjects`. For nats-server, an empty allow list allows everything."""
    if not subjects:
        return '{deny: [">"]}'
    allowed = ", ".join(_quoted(subject) for subject in sorted(subjects))
    return f"{{allow: [{allowed}], deny: [{_quoted(_SERVERS_OWN)}]}}"


def _quoted(text: str) -> str:
    """`text` as one quoted string: nats-server reads the escapes of JSON, or refuses the file."""
    return json.dumps(text)


def _tls() -> str:
    # A server that restarts gets all its clients at once; 2 s, the default, is short for a
    # thousand handshakes.
    return f"""\
tls {{
  cert_file: "{TLS_FOLDER}/tls.crt"
  key_file: "{TLS_FOLDER}/tls.key"
  timeout: 10
}}
"""
