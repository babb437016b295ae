"""What is read from Prometheus over HTTP, and what happens when that goes wrong."""

import socket
from collections.abc import Generator

import pytest

from operations.outside.prometheus import observe
from tenancy.scaling.usage import Observation, Reading, Usage
from tests.unit.operations.outside.prometheus import IDLE, NAMESPACE, Prometheus, serving

RECORDED = """\
{"status":"success","data":{"resultType":"vector","result":[\
{"metric":{"instance_num":"1","tenant_id":"acme-corp"},"value":[1764000000.781,"1"]},\
{"metric":{"instance_num":"2","tenant_id":"acme-corp"},"value":[1764000000.781,"NaN"]},\
{"metric":{"instance_num":"3","tenant_id":"acme-corp"},"value":[1764000000.781,"+Inf"]},\
{"metric":{"instance_num":"one","tenant_id":"acme-corp"},"value":[1764000000.781,"1"]},\
{"metric":{"tenant_id":"acme-corp"},"value":[1764000000.781,"1"]},\
{"metric":{},"value":[1764000000.781,"1"]}]},\
"infos":["PromQL info: metric might not be a counter"]}
"""
"""An answer in the format of the HTTP API, with series that are no figure of any server."""


@pytest.fixture
def prometheus() -> Generator[Prometheus]:
    with serving() as running:
        yield running


def test_the_answers_to_all_queries_make_readings(prometheus: Prometheus) -> None:
    prometheus.figures = {("acme", 1): IDLE, ("acme", 2): IDLE | {"age": 600}}
    assert observe(prometheus.url, NAMESPACE) == Observation(
        readings={
            ("acme", 1): Reading(
                held=Usage(rate=10, connections=5, memory=1e8),
                peak=Usage(rate=12, connections=6, memory=1e8),
            )
        },
        watched={("acme", 1): 1.0, ("acme", 2): 1.0},
        doubts={("acme", 2): "was last heard of 10 minutes ago"},
    )
    assert len(prometheus.headers) == len(IDLE)


def test_a_series_that_is_no_figure_of_a_server_is_left_out(prometheus: Prometheus) -> None:
    prometheus.body = RECORDED.encode()
    observation = observe(prometheus.url, NAMESPACE)
    assert observation.watched == {("acme-corp", 1): 1}
    # The same answer to each question: it has run for a second.
    assert observation.doubts.keys() == {("acme-corp", 1)}


def test_without_series_there_is_nothing_to_judge_by(prometheus: Prometheus) -> None:
    failure = observe(prometheus.url, NAMESPACE).failure
    assert failure == (
        'Prometheus has no series with job="tenant-nats", this namespace and tenant_id'
    )


def test_servers_of_another_namespace_are_left_out(prometheus: Prometheus) -> None:
    prometheus.figures = {("acme", 1): IDLE}
    assert observe(prometheus.url, NAMESPACE).readings.keys() == {("acme", 1)}
    assert observe(prometheus.url, "staging").readings == {}


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        pytest.param(503, b"", "Prometheus answered 503 Service Unavailable", id="not ready"),
        pytest.param(401, b"", "Prometheus answered 401 Unauthorized", id="not admitted"),
        pytest.param(
            422,
            b'{"status":"error","errorType":"execution","error":"query timed out"}',
            "Prometheus answered 422 Unprocessable Entity",
            id="a query that failed",
        ),
        pytest.param(
            200, b"<html>log in</html>", "Prometheus answered something that is no vector",
            id="the page of a proxy",
        ),
        pytest.param(
            200,
            b'{"status":"success","data":{"resultType":"matrix","result":[]}}',
            "Prometheus answered something that is no vector",
            id="something else",
        ),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_a_failure_and_raises_nothing(
    prometheus: Prometheus, status: int, body: bytes, failure: str
) -> None:
    prometheus.status, prometheus.body = status, body
    observation = observe(prometheus.url, NAMESPACE)
    assert observation.failure
    assert observation.failure.startswith(failure)
    assert observation == Observation(failure=observation.failure)


def test_a_missing_prometheus_is_reported_without_the_password_in_its_address() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        failure = observe(
            f"http://ops:hunter2@127.0.0.1:{unused.getsockname()[1]}", NAMESPACE
        ).failure
    assert failure == "Prometheus cannot be reached (ConnectionError)"


@pytest.mark.parametrize("url", ["http://", "http://[", "http://a..b", "http://" + "a" * 300])
def test_a_wrong_address_is_reported_too(url: str) -> None:
    failure = observe(url, NAMESPACE).failure
    assert failure
    assert failure.startswith("Prometheus cannot be reached (")


def test_the_token_is_sent_and_nothing_else_is(
    prometheus: Prometheus,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine 127.0.0.1 login ops password hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    observe(prometheus.url, NAMESPACE, "s3cret")
    assert {sent["Authorization"] for sent in prometheus.headers} == {"Bearer s3cret"}
