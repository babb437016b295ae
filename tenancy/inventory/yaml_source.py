"""Reads YAML that every reader understands alike, and records the line of each value.

YAML 1.2 as ruamel.yaml parses it, without anything that hides an edit or that readers disagree on:
anchors, aliases, merge keys, tags, directives, several documents, duplicate keys, and scalars such
as `no`, `012` and `1e3`, which are text to one reader and something else to another.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.resolver import implicit_resolvers

from tenancy.inventory.faults import Fault, InventoryError, Location, printable

_LONGEST_FILE = 1024 * 1024
_DEEPEST = 8
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_TOO_DEEP = "nested deeper than any inventory"
_REFUSED = (
    (
        re.compile(r"\r(?!\n)|[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"),
        "a character that hides or breaks lines in some editors only; end lines with LF or CRLF",
    ),
    (
        re.compile(r"^(<{7}|={7}|>{7}|\|{7})( |$)", re.MULTILINE),
        "a conflict marker; finish the merge first",
    ),
    (re.compile(r"^%", re.MULTILINE), "a YAML directive; leave it out"),
    (re.compile(r"([\[{][^\[\]{}\n]*){9}"), _TOO_DEEP),
)
"""What is refused anywhere in a file, even in a comment."""
_HALF_A_CHARACTER = re.compile(r"[\ud800-\udfff]")
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class NotText:
    """A plain scalar that some YAML reader reads as neither text nor a whole number."""

    source: str


@dataclass(frozen=True)
class Document:
    """Mappings, tuples, text, whole numbers and `NotText`, with the place of each."""

    value: object
    lines: dict[Location, int] = field(default_factory=dict[Location, int])
    """The line of each key and item, counted from 1."""
    sources: dict[Location, str] = field(default_factory=dict[Location, str])
    """Each scalar as the file has it."""
    faults: tuple[Fault, ...] = ()
    """The faults of keys and of the file's end; the rest can still be checked."""

    def line_of(self, location: Location) -> int:
        """The line of a value; if the file has no such value, of the nearest one around it."""
        while location not in self.lines:
            location = location[:-1]
        return self.lines[location]


def read(path: Path) -> Document:
    """The one document in the file at `path`.

    Raises:
        InventoryError: the file cannot be read, or is not the YAML described above.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST_FILE + 1)
    except OSError as error:
        problem = f"it cannot be read ({error.strerror})"
        raise InventoryError(path, [Fault(line=1, problem=problem)]) from None
    return parse(path, data)


def parse(path: Path, data: bytes) -> Document:
    """The one document in `data`; `path` is what a report calls it.

    Raises:
        InventoryError: it is not the YAML described above.
    """
    text = _decoded(path, data)
    try:
        document = _Reader(path, text).document()
    except (YAMLError, ValueError, OverflowError) as error:
        # For an escape such as "\UFFFFFFFF", ruamel raises the ValueError of chr().
        raise InventoryError(path, [_syntax_fault(error)]) from None
    return replace(document, faults=(*document.faults, *_unfinished(text)))


def _unfinished(text: str) -> Iterator[Fault]:
    """A last line without a newline: a file that was cut short can still be valid YAML."""
    if not text.endswith("\n"):
        lines = text.split("\n")
        yield Fault(
            line=len(lines),
            value=lines[-1].strip(),
            problem="the last line does not end: the file may be cut short",
            example="end the last line with a newline",
        )


def _syntax_fault(error: Any) -> Fault:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    words = " ".join(str(getattr(error, "problem", None) or error).split())
    problem = f"not valid YAML: {printable(words, 200)}"
    return Fault(line=mark.line + 1 if mark else 1, problem=problem)


def _decoded(path: Path, data: bytes) -> str:
    def refuse(problem: str, *, at: int = 0) -> InventoryError:
        return InventoryError(path, [Fault(line=data.count(b"\n", 0, at) + 1, problem=problem)])

    if len(data) > _LONGEST_FILE:
        raise refuse("it is longer than 1 MiB; split the tenants over several stacks")
    if data.startswith(_BYTE_ORDER_MARKS):
        raise refuse("it begins with a byte-order mark; save it as UTF-8 without one")
    if b"\0" in data:
        raise refuse("a NUL byte; save the file as UTF-8", at=data.index(b"\0"))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise refuse("bytes that are not UTF-8; save the file as UTF-8", at=error.start) from None
    if "\t" in text:
        raise refuse("a tab; indent and align with spaces", at=data.index(b"\t"))
    for pattern, problem in _REFUSED:
        if found := pattern.search(text):
            raise refuse(problem, at=len(text[: found.start()].encode()))
    return text


def is_plain(text: str) -> bool:
    """Whether every reader takes `text` for text when it has no quotes."""
    return not _readings(text) and not _DECIMAL.fullmatch(text)


@lru_cache(4096)
def _readings(source: str) -> frozenset[str]:
    """The types, other than text, that YAML 1.1 and 1.2 readers give to a plain scalar."""
    resolvers: list[Any] = implicit_resolvers
    return frozenset(tag for _, tag, regexp, _ in resolvers if regexp.match(source))


@dataclass(frozen=True)
class _Event:
    """The parts we need of one of ruamel's events, which have no types."""

    kind: str
    line: int
    value: str
    is_plain: bool
    anchor: str | None
    tag: str | None


def _events(text: str) -> Iterator[_Event]:
    """The events of a stream, one at a time, so that a bomb of aliases never expands."""
    parser: Any = YAML(pure=True)
    for event in parser.parse(text):
        tag, value = getattr(event, "ctag", None), getattr(event, "value", "")
        if _HALF_A_CHARACTER.search(value):
            problem = "an escape that is half a character"
            raise MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        yield _Event(
            kind=type(event).__name__.removesuffix("Event"),
            line=event.start_mark.line + 1,
            value=value,
            is_plain=getattr(event, "style", None) is None,
            anchor=getattr(event, "anchor", None),
            tag=f"{tag.handle or ''}{tag.suffix}" if tag else None,
        )


class _Reader:
    """A recursive descent over the events of one document."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._events = _events(text)
        self._lines: dict[Location, int] = {}
        self._sources: dict[Location, str] = {}
        self._faults: list[Fault] = []

    def document(self) -> Document:
        stream = next(self._events)
        if next(self._events).kind == "StreamEnd":
            raise self._refuse(stream, "it is empty", example="tenants: {demo-tenant: {}}")
        value = self._value((), next(self._events))
        next(self._events)  # the end of the document
        following = next(self._events)
        if following.kind != "StreamEnd":
            raise self._refuse(following, "a second document; keep all tenants in one")
        return Document(value, self._lines, self._sources, tuple(self._faults))

    def _refuse(
        self, event: _Event, problem: str, *, at: Location = (), example: str | None = None
    ) -> InventoryError:
        fault = Fault(line=event.line, location=at, problem=problem, example=example)
        return InventoryError(self._path, [*self._faults, fault])

    def _value(self, at: Location, event: _Event) -> object:
        if event.kind == "Alias":
            raise self._refuse(event, "an alias; write the value out", at=at)
        if event.anchor is not None:
            raise self._refuse(event, "an anchor; write the value out where it is used", at=at)
        if event.tag is not None:
            raise self._refuse(event, f"a tag ({printable(event.tag)}); leave it out", at=at)
        if len(at) > _DEEPEST:
            raise self._refuse(event, _TOO_DEEP, at=at[:3])
        self._lines.setdefault(at, event.line)
        if event.kind == "SequenceStart":
            return self._sequence(at)
        if event.kind == "MappingStart":
            return self._mapping(at)
        return self._scalar(at, event)

    def _scalar(self, at: Location, event: _Event) -> object:
        if event.value or not event.is_plain:
            self._sources.setdefault(at, event.value)
        if not event.is_plain:
            return event.value
        if _DECIMAL.fullmatch(event.value):
            return int(event.value)
        return NotText(event.value) if _readings(event.value) else event.value

    def _sequence(self, at: Location) -> tuple[object, ...]:
        items: list[object] = []
        while (event := next(self._events)).kind != "SequenceEnd":
            items.append(self._value((*at, len(items)), event))
        return tuple(items)

    def _mapping(self, at: Location) -> dict[str, object]:
        entries: dict[str, object] = {}
        while (event := next(self._events)).kind != "MappingEnd":
            key = self._key(at, event)
            location = (*at, key)
            first = self._lines.setdefault(location, event.line)
            value = self._value(location, next(self._events))
            if key in entries:
                problem = f"the key stands on line {first} already; keep one of the two"
                self._faults.append(Fault(line=event.line, location=location, problem=problem))
            entries.setdefault(key, value)
        return entries

    def _key(self, at: Location, event: _Event) -> str:
        if event.kind != "Scalar" or event.anchor is not None or event.tag is not None:
            raise self._refuse(event, "a key that is not plain text", at=at)
        key = event.value
        if event.is_plain and key == "<<":
            raise self._refuse(event, "a merge key; write the fields out", at=at)
        if event.is_plain and not is_plain(key):
            fault = Fault(
                line=event.line,
                location=(*at, key),
                value=key,
                problem="YAML readers do not agree that this key is text; put it in quotes",
                example=f'"{key}":',
            )
            self._faults.append(fault)
        return key
