"""An HTTP server on loopback that answers each scrape with text."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from prometheus_client.exposition import CONTENT_TYPE_LATEST


@contextmanager
def serving(text: Callable[[], bytes]) -> Generator[str]:
    """One that runs until the end of the block; gives its address as Prometheus has it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = text()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE_LATEST)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
