"""A stand-in for Prometheus: a real HTTP server on loopback that gives prepared answers."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from tenancy.scaling.usage import Instance, queries
from tests.loopback import Quiet, running

IDLE = {
    "rate": 10.0,
    "connections": 5.0,
    "memory": 1e8,
    "rate_peak": 12.0,
    "connections_peak": 6.0,
    "memory_peak": 1e8,
    "healthy": 1.0,
    "age": 12.0,
    "uptime": 86_400.0,
    "watched": 1.0,
}
"""What each query says of a server that has nothing to do."""

NAMESPACE = "vrsky-tenants"
_NAMES = {query: name for name, query in queries(NAMESPACE).items()}


@dataclass
class Prometheus:
    """What it answers, and what it was asked."""

    url: str
    figures: dict[Instance, dict[str, float]] = field(
        default_factory=dict[Instance, dict[str, float]]
    )
    """What it knows of each server in NAMESPACE, by the name of a query."""
    status: int = 200
    body: bytes | None = None
    """Instead of an answer of the API."""
    location: str | None = None
    """Where it sends whoever asks."""
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    """Those of each request."""

    def answer(self, query: str) -> bytes:
        name = _NAMES.get(query)
        series = [
            {
                "metric": {"instance_num": str(number), "tenant_id": tenant},
                "value": [1764000000.781, str(known[name])],
            }
            for (tenant, number), known in self.figures.items()
            if name in known
        ]
        data = {"resultType": "vector", "result": series}
        return json.dumps({"status": "success", "data": data}).encode()


@contextmanager
def serving() -> Generator[Prometheus]:
    """One that runs until the end of the block."""

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            prometheus.headers.append(dict(self.headers))
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            assert self.path == "/prefix/api/v1/query"
            (query,) = parse_qs(sent)["query"]
            answer = prometheus.body if prometheus.body is not None else prometheus.answer(query)
            self.send_response(prometheus.status)
            self.send_header("Content-Length", str(len(answer)))
            if prometheus.location:
                self.send_header("Location", prometheus.location)
            self.end_headers()
            self.wfile.write(answer)

    with running(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        prometheus = Prometheus(f"http://127.0.0.1:{server.server_port}/prefix/")
        yield prometheus
