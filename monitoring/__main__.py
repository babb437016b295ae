"""`python -m monitoring`: write the files in deploy/monitoring."""

from pathlib import Path

from monitoring.files import files

FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "monitoring"

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, content in files().items():
        (FOLDER / name).write_text(content)
