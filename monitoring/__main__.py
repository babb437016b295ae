"""`python -m monitoring`: write the files in deploy/monitoring."""

from pathlib import Path

from monitoring.dashboard import dashboard_json
from monitoring.output import files

FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "monitoring"


def content() -> dict[str, str]:
    """The content of each file, by name."""
    return {**files(), "dashboard.json": dashboard_json()}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in content().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
