"""Every link of the project's pages leads somewhere.

What is elsewhere in the world is only looked at for its form: no test goes there.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin

from sandbox.layout import PROJECT

DOCS = PROJECT / "docs"
PAGES = sorted(
    [
        *PROJECT.glob("[A-Z]*.md"),
        *DOCS.rglob("*.md"),
        *(PROJECT / "examples").rglob("*.md"),
    ]
)
MARKDOWN = MarkdownIt("commonmark").enable("table").use(anchors_plugin, max_level=6)
"""The plugin makes the anchors of headings as GitHub does."""


@cache
def tokens_of(page: Path) -> tuple[Token, ...]:
    """All of a page, what is within its lines included."""
    return tuple(
        token for block in MARKDOWN.parse(page.read_text()) for token in (block, *all_in(block))
    )


def all_in(token: Token) -> Iterator[Token]:
    """What stands in a token, at any depth."""
    for child in token.children or ():
        yield child
        yield from all_in(child)


def targets_of(page: Path) -> list[str]:
    """What a page's links and pictures lead to."""
    found = [token.attrGet("href") or token.attrGet("src") for token in tokens_of(page)]
    return [str(target) for target in found if target is not None]


def anchors_of(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    headings = [token for token in tokens_of(page) if token.type == "heading_open"]
    return {str(heading.attrGet("id")) for heading in headings}


def broken(page: Path, project: Path = PROJECT) -> Iterator[str]:
    """What is wrong with the links of a page of `project`."""
    for target in targets_of(page):
        link = urlsplit(target)
        if link.scheme:
            if link.scheme != "https" or "." not in link.netloc:
                yield f"{target}: not an address of the form https://host/path"
            continue
        place = (page.parent / unquote(link.path)).resolve() if link.path else page
        if not place.is_relative_to(project) or not place.exists():
            yield f"{target}: nothing is there"
        elif link.fragment and (
            place.suffix != ".md" or unquote(link.fragment) not in anchors_of(place)
        ):
            yield f"{target}: it has no such heading"
    for token in tokens_of(page):
        if token.type == "text" and (half := re.search(r"\]\(|\]\[", token.content)):
            yield f"{token.content[: half.end()]}: a link that does not end, or ends nowhere"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert list(broken(page)) == []


def test_the_index_leads_to_every_page_and_some_page_to_every_picture() -> None:
    index = DOCS / "README.md"
    pages = {page for page in DOCS.glob("*.md") if page != index}
    assert pages - led_to_by(index) == set()
    assert set(DOCS.glob("*.svg")) - {place for page in PAGES for place in led_to_by(page)} == set()


def led_to_by(page: Path) -> set[Path]:
    """The files to which a page has a link, or which it shows."""
    return {(page.parent / urlsplit(target).path).resolve() for target in targets_of(page)}


@pytest.mark.parametrize(
    ("link", "is_right"),
    [
        ("[x](other.md)", True),
        ("[x](other.md#a-clients-key)", True),
        ("[x](#here-clientsnkeys)", True),
        ("![x](../docs)", True),
        ("[x](https://nats.io/blog)", True),
        ("[x](othr.md)", False),
        ("[x](Other.md)", False),
        ("[x](other.md#a-client's-key)", False),
        ("[x](other.md#-later)", False),
        ("[x](#there)", False),
        ("![x](picture.svg)", False),
        ("[x](../../outside.md)", False),
        ("[x](https:/nats.io)", False),
        ("[x](http://nats.io)", False),
        ("[x](other.md", False),
        ("[x][unknown]", False),
    ],
)
def test_a_link_that_leads_nowhere_is_found(tmp_path: Path, link: str, is_right: bool) -> None:
    project = tmp_path / "project"
    page = project / "docs" / "page.md"
    page.parent.mkdir(parents=True)
    (tmp_path / "outside.md").touch()
    (page.parent / "other.md").write_text("# Other\n\n## A client's key\n")
    page.write_text(f"# Here: `clients.nkeys`\n\n| table |\n|---|\n| {link} |\n")
    assert (list(broken(page, project)) == []) is is_right
