"""What stands before a managed Postgres: it speaks TLS with clients, and plainly with the server.

The wheel's own Postgres was built without TLS.
"""

import socket
import ssl
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

_GSS, _TLS = 80877104, 80877103
"""What a client may ask for before anything else."""


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def encrypting(path: Path, certificate: Path) -> Generator[int]:
    """The port of loopback where the server behind a Unix socket is reached, by TLS only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "server.crt", certificate / "server.key")

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            client: socket.socket = self.request
            while int.from_bytes(client.recv(8)[4:]) == _GSS:
                client.sendall(b"N")
            client.sendall(b"S")
            with (
                suppress(OSError),
                context.wrap_socket(client, server_side=True) as outside,
                socket.socket(socket.AF_UNIX) as inside,
            ):
                inside.connect(str(path))
                back = Thread(target=_pump, args=(inside, outside), daemon=True)
                back.start()
                _pump(outside, inside)
                back.join(5)

    with _Server(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
