"""An environment without settings, and goldens as JSON."""

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    """No test sees the database or the stack configuration of the person who runs it."""
    for variable in ("DATABASE_URL", "PULUMI_CONFIG", "PULUMI_CONFIG_SECRET_KEYS"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def golden(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """One JSON file for each test, rewritten by `make golden`."""
    return snapshot.use_extension(JSONSnapshotExtension)
