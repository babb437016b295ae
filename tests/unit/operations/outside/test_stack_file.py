"""What a command reads of a stack's settings."""

from pathlib import Path

import pytest

from controlplane.platform import PLATFORM, Platform
from operations.outside.stack_file import StackFileError, cluster_domain_in, platform_in
from tenancy.rows.lifecycle import StatusWords


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "Pulumi.prod.yaml"


def test_the_platforms_words_are_read(file: Path) -> None:
    file.write_text(
        "config:\n  tenant-nats:namespace: eu\n  tenant-nats:database:\n    manageRoles: false\n"
        "    statuses: {draining: terminating}\n"
    )
    assert platform_in(file) == Platform(words=StatusWords(draining="terminating"))


def test_the_schema_and_the_tables_are_read(file: Path) -> None:
    file.write_text(
        "config: {tenant-nats:database: {schema: NatsHub, tables: {integrations: flows}}}\n"
    )
    assert platform_in(file) == Platform(said_schema="NatsHub", integrations="flows")


@pytest.mark.parametrize("content", ["", "config: {}\n", "config: {tenant-nats:database: {}}\n"])
def test_a_file_without_them_has_our_own(file: Path, content: str) -> None:
    file.write_text(content)
    assert platform_in(file) == platform_in(None) == PLATFORM


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"config: [a]\n", "config is"),
        (b"config: {tenant-nats:database: yes}\n", "config.tenant-nats:database does not fit"),
        (b"[1]\n", "expected a mapping"),
        (
            b"config: {tenant-nats:database: {statuses: {drained: x}}}\n",
            "config.tenant-nats:database.statuses.drained",
        ),
        (b"config: {tenant-nats:database: {statuses: {draining: 5}}}\n", "statuses.draining does"),
        (b"config: {tenant-nats:database: {statuses: {draining: terminated}}}\n", "does not fit"),
        (b"config: {tenant-nats:database: {statuses: {draining: ''}}}\n", "draining does not fit"),
        (b"config: {tenant-nats:database: {secure: v1:abc}}\n", "secure does not fit"),
        (b"config: {tenant-nats:database: {schema: 'a;b'}}\n", "database.schema does not fit"),
        (b"config: {tenant-nats:database: {tables: {instances: 5}}}\n", "tables.instances does"),
        (b"config: {tenant-nats:database: {tables: {rows: x}}}\n", "tables.rows does not fit"),
        (b"config: {tenant-nats:database: {tables: {instances: integrations}}}\n", "tables does"),
        (b"a: 2001-99-99\n", "not valid YAML"),
        (b"[" * 5000, "not valid YAML"),
        (b"\xff", "not valid YAML"),
        (b"{", "not valid YAML"),
    ],
)
def test_a_file_that_does_not_fit_is_named_with_its_place(
    file: Path, content: bytes, place: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(StackFileError) as caught:
        platform_in(file)
    assert place in str(caught.value)
    assert str(file) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_the_cluster_domain_is_read_unless_an_option_gives_it(file: Path) -> None:
    file.write_text("config: {tenant-nats:clusterDomain: corp.example}\n")
    assert cluster_domain_in(file) == "corp.example"
    assert cluster_domain_in(file, "other.example") == "other.example"
    assert platform_in(file) == PLATFORM


@pytest.mark.parametrize("content", ["", "config: {}\n", "config: {tenant-nats:namespace: eu}\n"])
def test_without_one_the_cluster_has_the_usual_domain(file: Path, content: str) -> None:
    file.write_text(content)
    assert cluster_domain_in(file) == cluster_domain_in(None) == "cluster.local"


@pytest.mark.parametrize("value", ["Corp", "5", "{secure: v1:abc}", "corp.example."])
def test_a_cluster_domain_that_does_not_fit_is_named_with_a_right_one(
    file: Path, value: str
) -> None:
    file.write_text(f"config: {{tenant-nats:clusterDomain: {value}}}\n")
    expected = (
        f"{file}: config.tenant-nats:clusterDomain does not fit. "
        "For example: config: {tenant-nats:clusterDomain: cluster.local}"
    )
    with pytest.raises(StackFileError) as caught:
        cluster_domain_in(file)
    assert str(caught.value) == expected


def test_a_file_that_is_missing_is_named(file: Path) -> None:
    with pytest.raises(StackFileError, match=r"cannot be read \(No such file"):
        platform_in(file)
