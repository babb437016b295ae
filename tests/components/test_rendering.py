"""Manifests and SQL of a whole inventory, as files."""

import re
from typing import Any

import pytest
from ruamel.yaml import YAML
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from rendering.manifests import files
from rendering.run import StackSettingsError, stack_settings
from tests.components.stack import EVERY_OPTION, graph_of

NOT_TEXT_TO_SOME = ("on", "y", "no", "007", "1e3", "2024-01-01", "null")
"""Tenants whose ids some YAML reader does not take for text."""


class Yaml(SingleFileSnapshotExtension):
    _write_mode = WriteMode.TEXT
    file_extension = "yaml"


def documents(text: str, version: tuple[int, int] = (1, 2)) -> list[dict[str, Any]]:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = version
    return [each for each in yaml.load_all(text) if each]


def test_a_tenant_with_every_option(snapshot: SnapshotAssertion) -> None:
    written = files(graph_of({"globex": EVERY_OPTION}, namespace="servers"))
    assert list(written) == ["00-namespace.yaml", "10-globex.yaml", "90-rows.sql"]
    assert "".join(written.values()) == snapshot.use_extension(Yaml)


def test_the_namespace_and_every_policy_come_before_the_first_pod() -> None:
    written = files(graph_of({"acme": {"instances": 2}, "globex": {}}))
    kinds = [
        (each["kind"], each["metadata"]["name"])
        for name, text in sorted(written.items())
        if name.endswith(".yaml")
        for each in documents(text)
    ]
    assert kinds[:4] == [
        ("Namespace", "vrsky-tenants"),
        ("LimitRange", "tenant-nats-strays"),
        ("NetworkPolicy", "tenant-nats-closed"),
        ("NetworkPolicy", "tenant-nats-isolation-acme"),
    ]
    for tenant, server in (("acme", "nats-acme-2"), ("globex", "nats-globex-1")):
        policy = kinds.index(("NetworkPolicy", f"tenant-nats-isolation-{tenant}"))
        assert policy < kinds.index(("Deployment", server))


def test_files_are_what_the_program_sends_to_the_engine() -> None:
    graph = graph_of({"acme": {"instances": 2}})
    written = files(graph)
    found = [each for name in written if name.endswith("yaml") for each in documents(written[name])]
    sent = [each.inputs for each in graph.resources if each.type.startswith("kubernetes:")]
    assert len(found) == len(sent)
    assert [inputs for inputs in sent if inputs not in found] == []


@pytest.mark.parametrize("version", [(1, 1), (1, 2)])
def test_every_reader_of_yaml_finds_the_same_text(version: tuple[int, int]) -> None:
    written = files(graph_of({tenant: {} for tenant in NOT_TEXT_TO_SOME}))
    for tenant in NOT_TEXT_TO_SOME:
        for each in documents(written[f"10-{tenant}.yaml"], version):
            assert each["metadata"]["labels"]["tenant-id"] == tenant


def test_a_tenant_without_servers_has_no_file_and_no_row() -> None:
    written = files(graph_of({"acme": {}, "gone": {"state": "decommissioned"}}))
    assert list(written) == ["00-namespace.yaml", "10-acme.yaml", "90-rows.sql"]
    assert re.findall(r"VALUES \('([^']*)', (\d+)", written["90-rows.sql"]) == [("acme", "1")]


def test_the_same_inventory_is_the_same_bytes_in_any_order() -> None:
    one = files(graph_of({"acme": {}, "globex": {"instances": 2}}))
    other = files(graph_of({"globex": {"instances": 2}, "acme": {}}))
    assert list(one.items()) == list(other.items())


def test_a_namespace_that_is_there_is_not_made() -> None:
    written = files(graph_of({"acme": {}}, namespaceMode="existing"))
    assert [each["kind"] for each in documents(written["00-namespace.yaml"])] == ["NetworkPolicy"]


def test_a_setting_that_no_stack_has_is_an_error_of_one_line() -> None:
    with pytest.raises(StackSettingsError, match=r"^Pulumi\.prod\.yaml: there is no setting imag;"):
        stack_settings({"imag": "nats:2"}, "Pulumi.prod.yaml")
