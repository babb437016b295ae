"""Asks network-config-analyzer who reaches whom, once, and keeps all its answers.

It knows pods by `namespace/name`, and what is outside the cluster by ranges of addresses. What is
not among its answers is closed, so every pod has to be known to it, and every line understood.
"""

import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, cast

from sandbox.layout import PROJECT
from tests.isolation.truth import Port

Object = Mapping[str, Any]

_HERE = Path(__file__).resolve().parent
_HEADER = re.compile(r"global: cluster has (\d+) unique endpoints, \d+ namespaces")
_LINE = re.compile(r"(\S+) => (\S+) : (.+)")
_EVERYTHING = "All connections"
_OPENING = re.compile(
    r"\{protocols:(?P<protocols>[A-Z]+(?:, [A-Z]+)*),dst_ports:(?P<ports>[-\d,]+)\}"
)
_RANGE = re.compile(r"[\d.]+-[\d.]+")
_TOTAL = re.compile(r"Total run time: .*")


@dataclass(frozen=True)
class Opening:
    """What is open between two places: some ports of some protocols."""

    protocols: frozenset[str]
    ports: tuple[range, ...]

    def has(self, port: Port) -> bool:
        return port.protocol in self.protocols and any(port.number in each for each in self.ports)


@dataclass(frozen=True)
class Answers:
    """All that is open, by source and target; None stands for everything."""

    openings: Mapping[tuple[str, str], list[Opening] | None]

    def reaches(self, source: str, target: str, port: Port) -> bool:
        """Whether `source` reaches `target`: each a pod's `namespace/name`, or an address."""
        for pair in ((a, b) for a in self._names(source) for b in self._names(target)):
            openings = self.openings.get(pair, [])
            if openings is None or any(opening.has(port) for opening in openings):
                return True
        return False

    def _names(self, endpoint: str) -> list[str]:
        if "/" in endpoint:
            return [endpoint]
        address = IPv4Address(endpoint)
        return [name for name, (low, high) in self._ranges.items() if low <= address <= high]

    @cached_property
    def _ranges(self) -> dict[str, tuple[IPv4Address, IPv4Address]]:
        names = {name for pair in self.openings for name in pair if _RANGE.fullmatch(name)}
        ends = {name: name.split("-") for name in sorted(names)}
        return {name: (IPv4Address(low), IPv4Address(high)) for name, (low, high) in ends.items()}


def ask(objects: Iterable[Object], folder: Path) -> Answers:
    """What the analyser says of these pods, namespaces and policies.

    Raises:
        AssertionError: it fails, does not know every pod, or says what is not understood.
    """
    items = [legible(each) for each in objects]
    file = folder / "objects.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    answer = subprocess.run(
        [PROJECT / "sandbox/uv.sh", "run", "--quiet", "--locked", "--project", _HERE / "analyser",
         "nca", "--connectivity", "--resource_list", file, "--output_endpoints", "pods",
         "--output_format", "txt_no_fw_rules"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert answer.returncode == 0, f"the analyser says: {answer.stdout}{answer.stderr}"
    pods = sum(item["kind"] == "Pod" for item in items)
    return understood(answer.stdout, pods=pods)


def legible(value: Any) -> Any:
    """`value`, with texts of digits alone written otherwise, alike everywhere.

    The analyser takes such a text for a number, quotes or not, and then refuses it as a label.
    """
    if isinstance(value, Mapping):
        return {key: legible(inner) for key, inner in cast("Object", value).items()}
    if isinstance(value, list):
        return [legible(inner) for inner in cast("list[Any]", value)]
    if isinstance(value, str) and value.isdecimal():
        return f"digits-{value}"
    return value


def understood(output: str, *, pods: int) -> Answers:
    """The answers in the analyser's `output` about so many pods."""
    openings: dict[tuple[str, str], list[Opening] | None] = {}
    first, *lines = output.splitlines()
    header = _HEADER.fullmatch(first)
    assert header, f"the analyser says what nobody expects: {first}"
    assert int(header[1]) == pods, f"the analyser knows {header[1]} of {pods} pods"
    for line in lines:
        if not line or _TOTAL.fullmatch(line):
            continue
        answer = _LINE.fullmatch(line)
        assert answer, f"the analyser says what nobody expects: {line}"
        source, target, what = answer.groups()
        if what == _EVERYTHING:
            openings[source, target] = None
        else:
            known = openings.setdefault((source, target), [])
            assert known is not None, f"{line} says less than everything, which was said before"
            known += _openings(what)
    return Answers(openings)


def _openings(what: str) -> list[Opening]:
    """`{protocols:TCP,dst_ports:4222},{protocols:…}`."""
    found = list(_OPENING.finditer(what))
    assert ",".join(each[0] for each in found) == what, f"the analyser says of ports: {what}"
    return [
        Opening(
            frozenset(each["protocols"].split(", ")),
            tuple(_ports(part) for part in each["ports"].split(",")),
        )
        for each in found
    ]


def _ports(part: str) -> range:
    """`4222`, or `7000-7010`."""
    low, _, high = part.partition("-")
    return range(int(low), int(high or low) + 1)
