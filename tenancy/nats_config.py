"""The configuration text of one NATS server.

Core NATS and nothing else: no JetStream, no cluster, no leaf nodes, no system account. Lame duck
settings are left out on purpose: with one server there is nowhere to drain to (`docs/adr/0006`).
"""

from tenancy.names import CLIENT_PORT, MONITORING_PORT


def nats_config(*, server_name: str, max_payload: str, max_connections: int) -> str:
    """What `nats-server -c` reads.

    Args:
        server_name: the instance's name.
        max_payload: the largest message, as in "8MB" (1 MB is 1024 KB to nats-server).
        max_connections: the most clients at a time; never 0, which refuses everybody.
    """
    return f"""\
server_name: "{server_name}"
port: {CLIENT_PORT}
http_port: {MONITORING_PORT}
max_payload: {max_payload}
max_connections: {max_connections}
"""
