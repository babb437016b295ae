"""Sends the queries of `tenancy.scaling.usage` to Prometheus, over its HTTP API."""

from math import isfinite
from typing import Literal

import requests
from pydantic import BaseModel, ValidationError
from requests.auth import AuthBase

from tenancy.scaling.usage import Instance, Observation, observed, queries

TOKEN_VARIABLE = "PROMETHEUS_TOKEN"  # noqa: S105
_CONNECT_SECONDS = 5
_READ_SECONDS = 60


class _Series(BaseModel):
    metric: dict[str, str]
    value: tuple[float, float]
    """The time, and the figure, which Prometheus writes as text and which may be `"NaN"`."""


class _Vector(BaseModel):
    resultType: Literal["vector"]
    result: list[_Series]


class _Answer(BaseModel):
    status: Literal["success"]
    data: _Vector


class _Bearer(AuthBase):
    """As the session's own `auth` it also keeps requests from sending what ~/.netrc has."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _NoAnswerError(Exception):
    """Why there is no answer, in words that follow "Prometheus"."""


def observe(url: str, namespace: str, token: str | None = None) -> Observation:
    """How busy the servers in `namespace` are, as the Prometheus at `url` says now.

    It raises nothing when Prometheus fails: the observation then says why.

    Args:
        url: as in a browser, without `/api/v1`.
        namespace: the servers', as in the labels of their series.
        token: sent as `Authorization: Bearer`, and never printed.
    """
    with requests.Session() as session:
        session.auth = _Bearer(token) if token else None
        try:
            asked = queries(namespace).items()
            answers = {name: _ask(session, url, query) for name, query in asked}
        except _NoAnswerError as error:
            return Observation(failure=f"Prometheus {error}")
    return observed(answers)


def _ask(session: requests.Session, url: str, query: str) -> dict[Instance, float]:
    address = f"{url.rstrip('/')}/api/v1/query"
    try:
        # POST, since some proxies limit the length of an address, and a query may be longer.
        response = session.post(
            address, data={"query": query}, timeout=(_CONNECT_SECONDS, _READ_SECONDS)
        )
    except requests.Timeout:
        raise _NoAnswerError("did not answer in time") from None
    except (requests.RequestException, ValueError) as error:  # ValueError for some host names
        # Its text may repeat the address, and with it a password.
        raise _NoAnswerError(f"cannot be reached ({type(error).__name__})") from None
    if not response.ok:
        raise _NoAnswerError(f"answered {response.status_code} {response.reason}")
    try:
        answer = _Answer.model_validate_json(response.content)
    except ValidationError:
        raise _NoAnswerError("answered something that is no vector of its API") from None
    return {
        instance: series.value[1]
        for series in answer.data.result
        if (instance := _instance(series.metric)) and isfinite(series.value[1])
    }


def _instance(labels: dict[str, str]) -> Instance | None:
    """The server that a series is about; None if its labels do not say."""
    tenant, number = labels.get("tenant_id"), labels.get("instance_num", "")
    return (tenant, int(number)) if tenant and number.isdecimal() else None
