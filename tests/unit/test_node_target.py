"""`make node` on a machine that cannot run a kubelet: one sentence, and nothing is begun."""

import os

import pytest

from tests.node import __main__ as node


def test_without_root_it_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(node.programs, "ensure", lambda: pytest.fail("it builds for nothing"))
    assert node.main([]) == 1
    said = capsys.readouterr().err
    assert "`make node` runs a real kubelet, which needs root" in said
    assert said.count("\n") == 1
