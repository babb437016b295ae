"""What makes a member of a cell due."""

from pathlib import Path

import pytest

from cell.fingerprint import fingerprints
from tenancy.cells import Member

SHARD = Member(cell="eu", shard="001")
BASE = Member(cell="eu", shard=None)
SALT = "encryptionsalt: v1:abc=:v1:def\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inventory" / "eu").mkdir(parents=True)
    (tmp_path / "Pulumi.yaml").write_text("name: tenant-nats\n")
    (tmp_path / SHARD.inventory).write_text("tenants:\n  acme: {}\n")
    (tmp_path / SHARD.settings_file).write_text("config:\n  tenant-nats:cell: eu\n")
    return tmp_path


def differing(before: Path, member: Member, file: Path, text: str) -> set[str]:
    """What differs after `file` got another text."""
    then = fingerprints(member, before)
    (before / file).write_text(text)
    now = fingerprints(member, before)
    return {what for what in then.keys() | now.keys() if then.get(what) != now.get(what)}


def test_another_inventory_concerns_its_own_shard(folder: Path) -> None:
    text = "tenants:\n  acme: {instances: 2}\n"
    assert differing(folder, BASE, SHARD.inventory, text) == set()
    assert differing(folder, SHARD, SHARD.inventory, text + "# more\n") == {"inventory"}


@pytest.mark.parametrize("member", [BASE, SHARD])
def test_other_settings_concern_every_member(folder: Path, member: Member) -> None:
    text = "config:\n  tenant-nats:cell: eu\n  tenant-nats:rollout: serial\n"
    assert differing(folder, member, member.settings_file, text) == {"settings"}


def test_the_salt_that_an_up_may_write_is_no_other_setting(folder: Path) -> None:
    text = (folder / SHARD.settings_file).read_text()
    assert differing(folder, SHARD, SHARD.settings_file, SALT + text) == set()
    assert differing(folder, SHARD, SHARD.settings_file, text + SALT) == set()
