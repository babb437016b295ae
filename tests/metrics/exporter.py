"""A stand-in for prometheus-nats-exporter, which no package registry carries.

It asks a real server at each scrape and prints what version 0.20.2 prints with `-varz -connz
-healthz -use_internal_server_name`, as its source and captures of its output have it: numbers as
gauges, nested ones under joined names, the server's last figures again when it does not answer.
"""

import json
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.error import URLError

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

_TEXTS = ("server_id", "server_name", "version")
_CONNZ = ("num_connections", "total", "offset", "limit")
_SUMS = ("pending_bytes", "subscriptions", "in_msgs", "in_bytes", "out_msgs", "out_bytes")
_TIMES = ("start", "config_load_time")


class Exporter(Collector):
    """The exporter of one server."""

    def __init__(self, monitoring_port: int, *, earlier: int = 0) -> None:
        """For the server of that port; its start is reported as `earlier` seconds earlier."""
        self._earlier = earlier
        self._url = f"http://127.0.0.1:{monitoring_port}"
        self._varz = _asked(f"{self._url}/varz") or {}
        self._labels = {"server_id": self._varz["server_name"]}
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        """The answer to one scrape."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        self._varz = _asked(f"{self._url}/varz") or self._varz
        yield from self._gauges("gnatsd_varz", self._varz)
        if connz := _asked(f"{self._url}/connz"):
            yield from self._connections(connz)
        yield from self._health(_asked(f"{self._url}/healthz"))

    def _gauges(self, prefix: str, values: dict[str, Any]) -> Iterator[Metric]:
        for name, value in values.items():
            name = name.removeprefix("/")  # of http_req_stats
            if isinstance(value, dict):
                yield from self._gauges(f"{prefix}_{name}", value)  # pyright: ignore[reportUnknownArgumentType]
            elif name in _TIMES:
                since = datetime.fromisoformat(str(value)).timestamp()
                yield self._gauge(f"{prefix}_{name}", int((since - self._earlier) * 1000))
            elif isinstance(value, int | float) and not isinstance(value, bool):
                yield self._gauge(f"{prefix}_{name}", value)
            elif name in _TEXTS:
                yield self._gauge(f"{prefix}_{name}", 1, value=str(value))

    def _connections(self, connz: dict[str, Any]) -> Iterator[Metric]:
        for name in _CONNZ:
            yield self._gauge(f"gnatsd_connz_{name}", connz[name])
        for name in _SUMS:
            # The exporter types some of them as counters, under names without the `_total` that
            # this library insists on. Prometheus asks nobody for a type.
            total = sum(each.get(name, 0) for each in connz["connections"])
            yield self._gauge(f"gnatsd_connz_{name}", total)

    def _health(self, healthz: dict[str, Any] | None) -> Iterator[Metric]:
        status = healthz["status"] if healthz else "unreachable"
        if healthz:
            yield self._gauge("gnatsd_healthz_status", int(status != "ok"))
        yield self._gauge("gnatsd_healthz_status_value", int(status == "ok"), value=status)

    def _gauge(self, name: str, number: float, **more: str) -> Metric:
        labels = {**self._labels, **more}
        gauge = GaugeMetricFamily(name, name, labels=list(labels))
        gauge.add_metric(list(labels.values()), number)
        return gauge


def _asked(url: str) -> dict[str, Any] | None:
    """What the server says; None where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310
            return json.load(answer)
    except (URLError, OSError):
        return None
