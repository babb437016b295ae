"""Sends the queries of `tenancy.scaling.usage` to Prometheus, over its HTTP API."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from math import isfinite
from typing import Literal

import requests
from pydantic import BaseModel, ValidationError
from requests.auth import AuthBase

from tenancy.scaling.usage import Instance, Observation, observed, queries

TOKEN_VARIABLE = "PROMETHEUS_TOKEN"  # noqa: S105
HEADERS_VARIABLE = "PROMETHEUS_HEADERS"
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset({"content-length", "content-type", "host", "transfer-encoding"})
"""What a request says of itself: with another value nothing could be asked."""
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


class HeaderError(Exception):
    """A variable of the environment is no header, or none that may be sent; no value is told."""


class _Authorization(AuthBase):
    """As the session's own `auth` it also keeps requests from sending what ~/.netrc has."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._value
        return request


class _NoAnswerError(Exception):
    """Why there is no answer, in words that follow "Prometheus"."""


def sent(environment: Mapping[str, str]) -> dict[str, str]:
    """The headers that the environment asks for: the bearer token, and those of PROMETHEUS_HEADERS.

    Raises:
        HeaderError: one of them cannot be sent.
    """
    headers: dict[str, str] = {}
    if token := environment.get(TOKEN_VARIABLE):
        if not _is_sendable(token):
            raise HeaderError(
                f"{TOKEN_VARIABLE} has a character that no token has, perhaps a newline."
            )
        headers["Authorization"] = f"Bearer {token}"
    lines = environment.get(HEADERS_VARIABLE, "").split("\n")
    for number, line in enumerate(lines, 1):
        if line.strip():
            name, value = _header(number, line)
            if name.lower() in (known.lower() for known in headers):
                reason = f"{name} is given twice, here or by {TOKEN_VARIABLE}"
                raise HeaderError(f"{HEADERS_VARIABLE}, line {number}: {reason}; keep one.")
            headers[name] = value
    return headers


def _header(number: int, line: str) -> tuple[str, str]:
    # A line without a colon may be a secret, so nothing of it is told.
    name, colon, value = (part.strip() for part in line.partition(":"))
    if not (colon and _NAME.fullmatch(name) and value and _is_sendable(value)):
        raise HeaderError(
            f"{HEADERS_VARIABLE}, line {number}: expected `Name: value` in ASCII, one header a "
            "line. For example: X-Scope-OrgID: platform"
        )
    if name.lower() in _OURS:
        raise HeaderError(
            f"{HEADERS_VARIABLE}, line {number}: {name} belongs to the request itself; leave it "
            "out. For example: X-Scope-OrgID: platform"
        )
    return name, value


def _is_sendable(value: str) -> bool:
    return value.isascii() and value.isprintable()


def observe(url: str, namespace: str, headers: Mapping[str, str] | None = None) -> Observation:
    """How busy the servers in `namespace` are, as the Prometheus at `url` says now.

    It raises nothing when Prometheus fails: the observation then says why.

    Args:
        url: as in a browser, without `/api/v1`.
        namespace: the servers', as in the labels of their series.
        headers: as `sent` returns them; never printed.
    """
    with requests.Session() as session:
        for name, value in (headers or {}).items():
            if name.lower() == "authorization":
                session.auth = _Authorization(value)
            else:
                session.headers[name] = value
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
            address,
            data={"query": query},
            timeout=(_CONNECT_SECONDS, _READ_SECONDS),
            # requests would take every header but Authorization along, to whatever host.
            allow_redirects=False,
        )
    except requests.Timeout:
        raise _NoAnswerError("did not answer in time") from None
    except (requests.RequestException, ValueError) as error:  # ValueError for some host names
        # Its text may repeat the address, and with it a password.
        raise _NoAnswerError(f"cannot be reached ({type(error).__name__})") from None
    if response.is_redirect:
        raise _NoAnswerError(f"answered {response.status_code}, a redirect: give its target's URL")
    if not response.ok:
        raise _NoAnswerError(f"answered {_status(response.status_code)}")
    try:
        answer = _Answer.model_validate_json(response.content)
    except ValidationError:
        raise _NoAnswerError("answered something that is no vector of its API") from None
    return {
        instance: series.value[1]
        for series in answer.data.result
        if (instance := _instance(series.metric)) and isfinite(series.value[1])
    }


def _status(code: int) -> str:
    """The status with the standard's words; the server's own could be anything."""
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)


def _instance(labels: dict[str, str]) -> Instance | None:
    """The server that a series is about; None if its labels do not say."""
    tenant, number = labels.get("tenant_id"), labels.get("instance_num", "")
    return (tenant, int(number)) if tenant and number.isdecimal() else None
