"""What an edit means, in words: as text for a terminal, as Markdown for a comment, as data."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from tenancy.edit.effects import Changes, Files, Kind, TenantChange, changed
from tenancy.words import agreeing, counted, in_markdown, listed, signed

LONGEST_MARKDOWN = 60_000
"""Bytes of UTF-8. GitHub takes 65,536 characters; the rest is for a marker and a heading."""

_FOLDED_FROM = 10
"""How many tenants of a kind are shown without a click."""
_NAMES_A_LINE = 20
"""How many tenants share a line if the same happens to them."""
_MOST_MOVES = 100
"""How many tenants that move are named in a comment."""
_LONGEST_LIST = 10
_ONLY_SO_MUCH = "This is cut to fit a comment; `tenant-nats changes` shows all of it."


def as_text(edit: Changes) -> str:
    """A line for each tenant, the gravest first."""
    lines = [_headline(edit)]
    if edit.files:
        lines += [_scope(edit.files), *_moves(edit)]
    if edit.reasons:
        lines += ["The guard requires an approval:", *(f"  - {it}" for it in edit.reasons)]
    for kind in Kind:
        if tenants := edit.of(kind):
            lines += ["", f"{_title(kind)} ({_tally(tenants)}):"]
            lines += [f"  {tenant.tenant}: {tenant.words}" for tenant in tenants]
    return "".join(f"{line}\n" for line in lines)


def as_markdown(edit: Changes, longest: int = LONGEST_MARKDOWN) -> str:
    """For a comment: many tenants are folded; text over `longest` bytes is cut, with a note."""
    head = f"**{_headline(edit)}**\n"
    if edit.tenants:
        head += f"\n{_table(edit)}"
    if edit.files:
        head += f"\n{_scope(edit.files)}\n{_moves_in_markdown(edit)}"
    if edit.reasons:
        reasons = "".join(f"> - {in_markdown(reason)}\n" for reason in edit.reasons)
        head += f"\n> [!WARNING]\n> The guard requires an approval:\n{reasons}"
    sections = [tenants for kind in Kind if (tenants := edit.of(kind))]
    # The text around the lines is always there, and short.
    room = longest - _length(head, _ONLY_SO_MUCH, "\n\n")
    room -= sum(_length(_section(tenants, [], len(tenants))) for tenants in sections)
    told = [list(_lines(tenants)) for tenants in sections]
    # The gravest come first, but leave some room for names to each section that follows.
    share = room // (4 * max(1, len(sections)))
    kept = [min(_length(*(line for _, line in each)), share) for each in told]
    text, is_cut = head, False
    for number, tenants in enumerate(sections):
        lines: list[str] = []
        left = len(tenants)
        for names, line in told[number]:
            if _length(line) > room - sum(kept[number + 1 :]):
                is_cut = True
                break
            room -= _length(line)
            left -= len(names)
            lines.append(line)
        text += _section(tenants, lines, left)
    return f"{text}\n{_ONLY_SO_MUCH}\n" if is_cut else text


def as_data(edit: Changes) -> dict[str, Any]:
    """For programs: the same, with the words beside the figures."""
    return {
        **_files(edit.files),
        "summary": _headline(edit),
        "totals": {"before": asdict(edit.before), "after": asdict(edit.after)},
        "approval": {
            "needed": bool(edit.reasons),
            "reasons": list(edit.reasons),
        },
        "tenants": [
            {
                "tenant": change.tenant,
                "kind": change.kind.name.lower(),
                "instances": dict(zip(("before", "after"), change.instances, strict=True)),
                "integrations": dict(zip(("before", "after"), change.integrations, strict=True)),
                "objects": dict(change.objects),
                "effects": [
                    {"kind": effect.kind.name.lower(), "words": effect.words}
                    for effect in change.effects
                ],
                "words": change.words,
            }
            for change in edit.tenants
        ],
    }


def _headline(edit: Changes) -> str:
    if not edit.tenants:
        return "This edit changes nothing."
    count, before, after = len(edit.tenants), edit.before, edit.after
    return (
        f"{counted(count, 'tenant')} {agreeing(count, 'changes', 'change')}: "
        f"{changed(before.instances, after.instances, 'instance')}, "
        f"{_arrow(before.cpu, after.cpu)} CPU and "
        f"{_arrow(before.memory, after.memory)}Gi of memory requested."
    )


def _scope(files: Files) -> str:
    """What the totals are of: `the 2 of 334 files that differ: 001, 002`."""
    count = len(files.differing)
    if not count:
        return f"None of {counted(files.count, 'file')} differs."
    return (
        f"The totals are of the {count} of {counted(files.count, 'file')} that "
        f"{agreeing(count, 'differs', 'differ')}: {listed(files.differing, _LONGEST_LIST)}."
    )


def _moves(edit: Changes) -> Iterator[str]:
    """`acme moves from 001 to 002: nothing restarts.`, a line for each tenant that moves."""
    if edit.files is None:
        return
    otherwise = {change.tenant for change in edit.tenants}
    for tenant, (before, after) in edit.files.moves.items():
        told = "it also changes, as below" if tenant in otherwise else "nothing restarts"
        yield f"{tenant} moves from {before} to {after}: {told}."


def _moves_in_markdown(edit: Changes) -> str:
    moves = [f"- {in_markdown(line)}\n" for line in _moves(edit)]
    if len(moves) <= _FOLDED_FROM:
        return f"\n{''.join(moves)}" if moves else ""
    shown = "".join(moves[:_MOST_MOVES])
    more = len(moves) - _MOST_MOVES
    rest = f"- … and {counted(more, 'more tenant')}\n" if more > 0 else ""
    summary = f"<summary><b>{counted(len(moves), 'tenant')} move</b></summary>"
    return f"\n<details>{summary}\n\n{shown}{rest}\n</details>\n"


def _files(files: Files | None) -> dict[str, Any]:
    if files is None:
        return {}
    moves = [
        {"tenant": tenant, "from": before, "to": after}
        for tenant, (before, after) in files.moves.items()
    ]
    return {"files": {"differing": list(files.differing), "of": files.count}, "moves": moves}


def _table(edit: Changes) -> str:
    before, after = edit.before, edit.after
    rows = [
        ("tenants", f"{before.tenants}", f"{after.tenants}"),
        ("instances", f"{before.instances}", f"{after.instances}"),
        ("CPU requested", f"{before.cpu:,g}", f"{after.cpu:,g}"),
        ("memory requested", f"{before.memory:,g}Gi", f"{after.memory:,g}Gi"),
    ]
    body = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return f"| | before | after |\n|---|--:|--:|\n{body}"


def _section(tenants: tuple[TenantChange, ...], lines: list[str], left: int) -> str:
    """The tenants of one kind: `lines`, and how many tenants are `left` without a line."""
    title, tally = _title(tenants[0].kind), _tally(tenants)
    more = f"- … and {counted(left, 'more tenant')}\n" if left else ""
    body = f"\n{''.join(lines)}{more}"
    if len(tenants) > _FOLDED_FROM:
        summary = f"<summary><b>{title}</b> ({tally})</summary>"
        return f"\n<details>{summary}\n{body}\n</details>\n"
    return f"\n**{title}** ({tally})\n{body}"


def _lines(tenants: tuple[TenantChange, ...]) -> Iterator[tuple[list[str], str]]:
    """Names, and the line that says what happens to each of them."""
    alike: dict[str, list[str]] = defaultdict(list)
    for tenant in tenants:
        alike[tenant.words].append(tenant.tenant)
    for words, names in alike.items():
        for start in range(0, len(names), _NAMES_A_LINE):
            some = names[start : start + _NAMES_A_LINE]
            named = ", ".join(f"**{in_markdown(name)}**" for name in some)
            yield some, f"- {named}: {in_markdown(words)}\n"


def _title(kind: Kind) -> str:
    return kind.value[0].upper() + kind.value[1:]


def _tally(tenants: tuple[TenantChange, ...]) -> str:
    """`2 tenants, -3 instances`."""
    instances = sum(after - before for before, after in (each.instances for each in tenants))
    told = counted(len(tenants), "tenant")
    return f"{told}, {signed(instances, 'instance')}" if instances else told


def _arrow(before: float, after: float) -> str:
    return f"{after:,g}" if before == after else f"{before:,g} → {after:,g}"


def _length(*texts: str) -> int:
    return sum(len(text.encode()) for text in texts)
