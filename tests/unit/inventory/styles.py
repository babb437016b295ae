"""The same inventory in many styles, to test that the style makes no difference."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any, TypeAlias, TypeVar

Data = dict[str, Any]
"""An inventory as a file has it, before it is checked."""

Value: TypeAlias = "dict[str, Value] | list[Value] | str | int"

_Item = TypeVar("_Item")

_NOT_PLAIN = {"no", "off", "n", "yes", "on", "y", "null", "true", "false"}


def written_anyhow(data: Data, seed: int) -> str:
    """`data` as YAML in some order and some style, with comments and empty lines."""
    random = Random(seed)  # noqa: S311
    start = random.choice(["", "---\n", "# ünïcode\n\n"])
    text = start + "".join(_block(data, 0, random))
    return text.replace("\n", random.choice(["\n", "\r\n"]))


def _block(mapping: dict[str, Value], indent: int, random: Random) -> Iterator[str]:
    for key, value in _shuffled(list(mapping.items()), random):
        yield random.choice(["", "", "\n", f"{' ' * random.randrange(6)}# why\n"])
        lead = f"{' ' * indent}{_key(key, random)}:"
        end = random.choice(["\n", "\n", "  # so\n"])
        if isinstance(value, dict) and value and random.random() < 0.6:
            yield f"{lead}{end}"
            yield from _block(value, indent + random.choice([1, 2, 4]), random)
        elif isinstance(value, list) and value and random.random() < 0.6:
            yield f"{lead}{end}"
            items = _shuffled(value, random)
            yield "".join(f"{' ' * indent}  - {json.dumps(item)}{end}" for item in items)
        else:
            yield f"{lead} {_flow(value, random)}{end}"


def _flow(value: Value, random: Random) -> str:
    if isinstance(value, dict):
        entries = _shuffled(list(value.items()), random)
        inner = (f"{_key(key, random)}: {_flow(entry, random)}" for key, entry in entries)
        return f"{{{', '.join(inner)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_flow(item, random) for item in _shuffled(value, random))}]"
    return json.dumps(value)


def _shuffled(items: list[_Item], random: Random) -> list[_Item]:
    return random.sample(items, len(items))


def _key(key: str, random: Random) -> str:
    """Without quotes only if every reader takes it for text."""
    bare = [key] if key.isalpha() and key not in _NOT_PLAIN else []
    return random.choice([*bare, f'"{key}"', f"'{key}'"])
