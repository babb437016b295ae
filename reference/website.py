"""What mkdocs.yml has no setting for: a hook of MkDocs, which builds the site (`make docs`).

A page keeps its path in the repository, so the same links work on GitHub and on the site, and
MkDocs checks them all. README.md and the other pages outside docs/ are pages of the site too.
"""

import os
import re
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

OUTSIDE = {
    "README.md": "project.html",
    "SECURITY.md": "security.html",
    "CONTRIBUTING.md": "contributing.html",
    "CHANGELOG.md": "changelog.html",
    "examples/README.md": "workers.html",
    "examples/platform-repository/README.md": "platform-repository.html",
}
"""The pages outside docs/, and where each is on the site."""

MERMAID = "assets/javascripts/mermaid.min.js"
"""Where the site has the script that draws diagrams; the theme's own would come from unpkg.com."""

_LINK = re.compile(r"(?<=\]\()[^)#:\s]+(?=\))")
"""What an inline link leads to, unless that has a scheme or an anchor."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Give each page its path in the repository, and add what is outside docs/."""
    docs = Path(config.docs_dir)
    places = {
        f"{docs.name}/{file.src_uri}": file.dest_uri
        for file in files
        if file.src_dir == config.docs_dir
    }
    moved = [
        File(path, str(_project(config)), config.site_dir, use_directory_urls=False, dest_uri=place)
        for path, place in (places | OUTSIDE).items()
    ]
    of_theme = [file for file in files if file.src_dir != config.docs_dir]
    script = distribution("mermaidx").locate_file("mermaidx/assets/mermaid.js")
    return Files([*moved, *of_theme, File.generated(config, MERMAID, abs_src_path=str(script))])


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links to a folder, or to a file that is not a page, lead to the repository."""
    project = _project(config)
    folder = (project / page.file.src_uri).parent

    def target(link: re.Match[str]) -> str:
        place = Path(os.path.normpath(folder / link[0]))
        if not place.is_relative_to(project) or not place.exists():
            return link[0]
        path = place.relative_to(project).as_posix()
        return link[0] if files.get_file_from_path(path) else _in_repository(place, path)

    return _LINK.sub(target, markdown)


def on_page_content(html: str, page: Page, **_: object) -> str:
    """Load the script that draws diagrams, on the pages that have one."""
    if 'class="mermaid"' not in html:
        return html
    up = "../" * (len(PurePosixPath(page.file.dest_uri).parts) - 1)
    return f'{html}\n<script src="{up}{MERMAID}"></script>'


def _project(config: MkDocsConfig) -> Path:
    return Path(config.config_file_path).parent


def _in_repository(place: Path, path: str) -> str:
    """The address on GitHub if its CI builds the site, else that in the checkout."""
    if "GITHUB_REPOSITORY" not in os.environ:
        return place.as_uri()
    address = "/".join(os.environ[name] for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY"))
    return f"{address}/{'tree' if place.is_dir() else 'blob'}/main/{path}"
