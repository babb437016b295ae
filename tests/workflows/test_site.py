"""What `make docs` builds: the pages as GitHub shows them, with nothing from elsewhere."""

import os
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import mermaidx  # pyright: ignore[reportMissingTypeStubs]
import pytest
from markdown_it import MarkdownIt

from reference.website import MERMAID, OUTSIDE
from sandbox.layout import PROJECT
from tests.unit.docs.test_links import PAGES

GITHUB = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/tenant-nats"}
MARKDOWN = MarkdownIt("commonmark").enable("table")
TEXT = {"h1", "h2", "h3", "h4", "p", "pre", "code", "blockquote", "strong", "em", "img"}
COMPARED = TEXT | {"ul", "ol", "li", "table", "tr", "th", "td"}

every_page = pytest.mark.parametrize("page", [str(page.relative_to(PROJECT)) for page in PAGES])


def make_docs(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `make docs` in the environment that runs the tests."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    outside = {key: value for key, value in os.environ.items() if not key.startswith("GITHUB_")}
    return subprocess.run(
        ["make", "--no-print-directory", "docs", "RUN="],
        cwd=folder, env={**outside, "PATH": path, **environment}, capture_output=True, text=True,
    )  # fmt: skip


def checkout(folder: Path) -> Path:
    """A folder that has what the project has, where a site may be written."""
    for each in PROJECT.iterdir():
        if not each.name.startswith(".") and each.name not in ("docs", "site"):
            (folder / each.name).symlink_to(each)
    for each in (PROJECT / "docs").rglob("*.*"):
        copy = folder / each.relative_to(PROJECT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(each.read_bytes())
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The site as GitHub's CI makes it, and what `make docs` prints."""
    folder = checkout(tmp_path_factory.mktemp("project"))
    built = make_docs(folder, **GITHUB)
    assert built.returncode == 0, built.stderr
    return folder / "site", built.stdout + built.stderr


def place(page: str) -> str:
    """Where a page of the project is on the site."""
    in_docs = page.removeprefix("docs/").replace("README.md", "index.md").replace(".md", ".html")
    return OUTSIDE.get(page, in_docs)


class Shown(HTMLParser):
    """The text of a page, without white space, and how often it has each element."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.elements: Counter[str] = Counter()
        self.hidden = ""
        article = re.search(r"<article.*</article>", html, re.DOTALL)
        self.feed(article[0] if article else html)

    @property
    def text(self) -> str:
        return "".join("".join(self.texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += tag in COMPARED
        if tag == "script" or ("class", "headerlink") in attrs:
            self.hidden = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self.hidden:
            self.hidden = ""

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.texts.append(data)


def test_make_docs_builds_a_site_with_search_and_says_where_it_is(made: tuple[Path, str]) -> None:
    site, printed = made
    assert (site / "search" / "search_index.json").exists()
    assert "Open site/index.html." in printed
    assert "WARNING" not in printed


@every_page
def test_the_site_shows_a_page_as_github_does(made: tuple[Path, str], page: str) -> None:
    on_github = Shown(MARKDOWN.render((PROJECT / page).read_text()))
    on_site = Shown((made[0] / place(page)).read_text())
    assert on_site.text == on_github.text
    assert +on_site.elements == +on_github.elements


@every_page
def test_a_page_loads_nothing_from_elsewhere(made: tuple[Path, str], page: str) -> None:
    html = (made[0] / place(page)).read_text()
    loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=\"([^\"]*)", html)
    assert loaded
    assert [address for address in loaded if re.match(r"\w+:|//", address)] == []


@every_page
def test_a_diagram_is_drawn_by_the_script_that_the_site_has(
    made: tuple[Path, str], page: str
) -> None:
    diagrams = re.findall(r"^```mermaid\n(.*?)^```", (PROJECT / page).read_text(), re.M | re.S)
    html = (made[0] / place(page)).read_text()
    scripts = re.findall(r'<script src="([^"]*/mermaid\.min\.js)"', html)
    assert len(scripts) == bool(diagrams)
    assert html.count('class="mermaid"') == len(diagrams)
    for script in scripts:
        assert (made[0] / place(page)).parent.joinpath(script).samefile(made[0] / MERMAID)
    for diagram in diagrams:
        mermaidx.render(diagram)


def test_a_link_to_what_is_no_page_leads_to_the_repository(made: tuple[Path, str]) -> None:
    html = (made[0] / place("SECURITY.md")).read_text()
    assert 'href="https://github.com/acme/tenant-nats/tree/main/tests/isolation"' in html
    assert 'href="https://github.com/acme/tenant-nats/blob/main/deploy/rbac.yaml"' in html


def test_a_broken_link_or_a_page_without_a_place_fails(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    (folder / "docs" / "new.md").write_text("[a](nope.md) [b](faq.md#nope) [c](../README.md#nope)")
    built = make_docs(folder)
    assert built.returncode != 0
    warnings = [line for line in built.stderr.splitlines() if line.startswith("WARNING")]
    assert len(warnings) == 4, built.stderr
    assert "docs/new.md" in built.stderr
