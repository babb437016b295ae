"""The site has each page, and each page is written so that GitHub and the site show the same."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from reference.website import OUTSIDE
from sandbox.layout import PROJECT
from tests.unit.docs.test_links import PAGES

MARKDOWN = MarkdownIt("commonmark").enable("table")


def in_project(page: Path) -> str:
    return page.relative_to(PROJECT).as_posix()


def test_the_navigation_has_every_page_once() -> None:
    settings = (PROJECT / "mkdocs.yml").read_text()
    navigation = settings.partition("\nnav:\n")[2].partition("\n\n")[0]
    listed = Counter(re.findall(r"([\w./-]+\.md)$", navigation, re.MULTILINE))
    assert listed == Counter(map(in_project, PAGES))


def test_the_pages_outside_docs_each_have_a_place_on_the_site() -> None:
    outside = {page for page in map(in_project, PAGES) if not page.startswith("docs/")}
    assert set(OUTSIDE) == outside
    assert not {*OUTSIDE.values()} & {f"{page.stem}.html" for page in (PROJECT / "docs").iterdir()}


@pytest.mark.parametrize("page", PAGES, ids=in_project)
def test_an_empty_line_is_before_each_list_without_which_the_site_shows_none(page: Path) -> None:
    assert list(lists_that_follow_text(page.read_text())) == []


def lists_that_follow_text(text: str) -> Iterator[str]:
    """The first line of each list that begins right below a line of text."""
    lines = text.splitlines()
    for token in MARKDOWN.parse(text):
        if token.type in ("bullet_list_open", "ordered_list_open") and token.level == 0:
            first = token.map[0] if token.map else 0
            if first and re.match(r"[^\s#]", lines[first - 1]):
                yield lines[first]


def test_a_list_right_below_text_is_found() -> None:
    assert list(lists_that_follow_text("# a\n- b\n\nc:\n\n- d\n- e\n\nf:\n- g\n")) == ["- g"]
