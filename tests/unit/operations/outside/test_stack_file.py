"""What a command reads of a stack's settings."""

from pathlib import Path

import pytest

from controlplane.platform import PLATFORM, Platform
from operations.outside.stack_file import (
    UNREAD,
    StackFileError,
    cluster_domain_in,
    own_settings,
    platform_in,
)
from settings.reading import SettingsError, settings_of
from settings.stack import Settings
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


AT = "config.tenant-nats:database"
SO = ". For example: config: {tenant-nats:database:"
NAMES = "expected letters a-z, digits and underscores, at most 63, as the database spells them"
WORDS = "expected a status as the platform's table has it"


@pytest.mark.parametrize(
    ("database", "fault"),
    [
        ("yes", f"{AT} is yes, expected settings below it{SO} {{schema: nats}}}}"),
        (
            "{shema: nats}",
            f"there is no setting {AT}.shema; known are manageRoles, name, rolePrefix, schema, "
            f"statuses, tables{SO} {{schema: nats}}}}",
        ),
        (
            "{statuses: {drained: x}}",
            f"there is no setting {AT}.statuses.drained; known are active, draining, provisioning, "
            f"terminated{SO} {{statuses: {{draining: terminating}}}}}}",
        ),
        (
            "{statuses: {draining: 5}}",
            f"{AT}.statuses.draining is 5, {WORDS}{SO} {{statuses: {{draining: terminating}}}}}}",
        ),
        (
            r'{statuses: {draining: "5 weird\n;word"}}',
            rf"{AT}.statuses.draining is '5 weird\n;word', {WORDS}{SO} "
            "{statuses: {draining: terminating}}}",
        ),
        (
            "{statuses: {draining: terminated}}",
            f"{AT}.statuses has one word for two statuses{SO} "
            "{statuses: {draining: terminating}}}",
        ),
        (
            "{secure: v1:abc}",
            f"{AT} is encrypted, which only the engine reads; set it without --secret{SO} "
            "{schema: nats}}",
        ),
        (
            "{schema: {secure: v1:abc}}",
            f"{AT}.schema is encrypted, which only the engine reads; set it without --secret{SO} "
            "{schema: nats}}",
        ),
        ("{schema: 'a;b'}", f"{AT}.schema is a;b, {NAMES}{SO} {{schema: nats_instances}}}}"),
        (
            "{tables: {instances: 5}}",
            f"{AT}.tables.instances is 5, {NAMES}{SO} {{tables: {{instances: nats_instances}}}}}}",
        ),
        (
            "{tables: {instances: integrations}}",
            f"{AT}.tables has one name for two tables{SO} {{tables: {{instances: servers}}}}}}",
        ),
    ],
)
def test_a_setting_that_does_not_fit_is_told_with_its_value_and_a_right_one(
    file: Path, database: str, fault: str
) -> None:
    file.write_text(f"config: {{tenant-nats:database: {database}}}\n")
    with pytest.raises(StackFileError) as caught:
        platform_in(file)
    assert str(caught.value) == f"{file}: {fault}"
    with pytest.raises(SettingsError):
        settings_of(own_settings(file), "an up refuses the same")


def test_all_faults_of_a_file_are_told_a_line_for_each(file: Path) -> None:
    file.write_text(
        "config:\n  tenant-nats:database: {schema: a-b, tables: {instances: 'x y'}}\n"
        "  tenant-nats:clusterDomain: Corp\n  tenant-nats:databse: postgres://u:hunter2@h\n"
        "  tenant-nats:secure: {secure: v1:abc}\n"
    )
    with pytest.raises(StackFileError) as caught:
        cluster_domain_in(file)
    lines = str(caught.value).splitlines()
    assert [line.partition(": ")[2].split(" is ")[0] for line in lines[:3]] == [
        "config.tenant-nats:clusterDomain", f"{AT}.schema", f"{AT}.tables.instances",
    ]  # fmt: skip
    assert lines[3].startswith(f"{file}: there is no setting config.tenant-nats:databse; known are")
    assert lines[4].startswith(f"{file}: there is no setting config.tenant-nats:secure; known are")
    assert "hunter2" not in str(caught.value), "what an unknown key has may be a secret"


def test_every_setting_of_a_stack_is_known_here_and_no_other() -> None:
    read = {"database", "clusterDomain", "namespace", "maxCpu", "maxInstances", "maxMemory"}
    stacks = {str(field.alias) for field in Settings.model_fields.values()}
    assert UNREAD | read == stacks | {"databaseUrl"}
    assert not UNREAD & read


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"config: [a]\n", "config is"),
        (b"[1]\n", "expected a mapping"),
        (b"a: 2001-99-99\n", "not valid YAML"),
        (b"[" * 5000, "not valid YAML"),
        (b"\xff", "not valid YAML"),
        (b"{", "not valid YAML"),
    ],
)
def test_a_file_of_another_shape_is_named(file: Path, content: bytes, words: str) -> None:
    file.write_bytes(content)
    with pytest.raises(StackFileError) as caught:
        platform_in(file)
    assert words in str(caught.value)
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


@pytest.mark.parametrize("value", ["Corp", "5", "corp.example."])
def test_a_cluster_domain_that_does_not_fit_is_named_with_a_right_one(
    file: Path, value: str
) -> None:
    file.write_text(f"config: {{tenant-nats:clusterDomain: {value}}}\n")
    with pytest.raises(StackFileError) as caught:
        cluster_domain_in(file)
    told = str(caught.value)
    assert told.startswith(f"{file}: config.tenant-nats:clusterDomain is {value}, expected the DNS")
    assert told.endswith(". For example: config: {tenant-nats:clusterDomain: cluster.local}")


def test_a_file_that_is_missing_is_named(file: Path) -> None:
    with pytest.raises(StackFileError, match=r"cannot be read \(No such file"):
        platform_in(file)
