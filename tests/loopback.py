"""An HTTP server on loopback, for what asks one."""

from collections.abc import Generator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from threading import Thread
from typing import TypeVar

_Server = TypeVar("_Server", bound=ThreadingHTTPServer)


class Quiet:
    """For a handler that tells nobody what it was asked."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def running(server: _Server) -> Generator[_Server]:
    """Let it serve until the end of the block."""
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
