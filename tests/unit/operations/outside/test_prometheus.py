"""What is read from Prometheus over HTTP, and what happens when that goes wrong."""

import socket
from collections.abc import Generator

import pytest

from operations.outside.prometheus import HeaderError, observe, sent
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
    observe(prometheus.url, NAMESPACE, sent({"PROMETHEUS_TOKEN": "s3cret"}))
    assert {each["Authorization"] for each in prometheus.headers} == {"Bearer s3cret"}


def test_headers_are_sent_with_each_question_for_a_mimir_of_several_tenants(
    prometheus: Prometheus,
) -> None:
    given = "X-Scope-OrgID: platform\n\nAuthorization: Basic b3BzOnMzY3JldA==\n"
    observe(prometheus.url, NAMESPACE, sent({"PROMETHEUS_HEADERS": given}))
    assert len(prometheus.headers) >= 1
    for each in prometheus.headers:
        assert each["X-Scope-OrgID"] == "platform"
        assert each["Authorization"] == "Basic b3BzOnMzY3JldA=="


def test_headers_leave_the_password_in_the_address_where_it_is(prometheus: Prometheus) -> None:
    address = prometheus.url.replace("//", "//ops:hunter2@")
    observe(address, NAMESPACE, {"X-Scope-OrgID": "platform"})
    assert {each["Authorization"] for each in prometheus.headers} == {"Basic b3BzOmh1bnRlcjI="}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("s3cret", "line 1: expected `Name: value`"),
        ("X-Scope-OrgID: a\ns3cret: \n", "line 2: expected `Name: value`"),
        ("X Scope: s3cret", "line 1: expected `Name: value`"),
        ("X-Scope-OrgID: s3cret\udcff", "line 1: expected `Name: value`"),
        ("X-Scope-OrgID: s3cret\r\n\tb: c\x00", "line 2: expected `Name: value`"),
        ("X-Key: s3cret\nx-key: s3cret", "line 2: x-key is given twice"),
        ("authorization: s3cret", "line 1: authorization is given twice, here or by PROMETHEUS_TO"),
        ("Host: s3cret", "line 1: Host belongs to the request itself"),
    ],
)
def test_what_is_no_header_is_refused_by_line_and_without_its_value(
    given: str, reason: str
) -> None:
    with pytest.raises(HeaderError) as refused:
        sent({"PROMETHEUS_HEADERS": given, "PROMETHEUS_TOKEN": "token"})
    assert str(refused.value).startswith(f"PROMETHEUS_HEADERS, {reason}")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("token", ["s3cret\n", "s3cret\udcff", "sécret"])
def test_a_token_that_no_header_carries_is_refused_unseen(token: str) -> None:
    with pytest.raises(HeaderError) as refused:
        sent({"PROMETHEUS_TOKEN": token})
    assert "cret" not in str(refused.value)


def test_a_redirect_is_not_followed_since_the_headers_would_go_along(
    prometheus: Prometheus,
) -> None:
    with serving() as elsewhere:
        prometheus.status, prometheus.location = 307, elsewhere.url
        failure = observe(prometheus.url, NAMESPACE, {"X-Scope-OrgID": "platform"}).failure
        assert elsewhere.headers == []
    assert failure == "Prometheus answered 307, a redirect: give its target's URL"
