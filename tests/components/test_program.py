"""Deciding before building: a refusal stops the program before the engine has touched anything."""

import base64
import json
import logging
import re
import runpy
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pulumi
import pytest
from pulumi.runtime import set_all_config

from cluster.kubectl import ClusterError, Kubectl
from cluster.strangers import Findings, Object, Wanted
from controlplane.connection import ControlPlaneError
from rendering.recorder import Outcome, attempt, deploy
from settings.stack import Settings
from tenancy.rows.snapshot import RecordedInstance, Snapshot
from tenancy.words import UNSEEN
from tenant_nats import decision
from tenant_nats.construction import build
from tenant_nats.decision import decide
from tests.components.stack import EVERY_OPTION, graph_of

CANARY = "postgresql://provisioner:canary-4f1d@db.example.com:5432/platform"


@pytest.fixture(autouse=True)
def _surroundings(  # pyright: ignore[reportUnusedFunction]
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A named database and a cluster, both empty unless a test says otherwise."""
    monkeypatch.setenv("DATABASE_URL", CANARY)
    monkeypatch.setattr(decision, "take_snapshot", _found())
    monkeypatch.setattr(decision, "look", _finding())
    monkeypatch.setattr(decision, "rationed", _unlimited)


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """The file that asks for one server of one tenant."""
    path = tmp_path / "tenants.yaml"
    path.write_text("tenants:\n  acme-corp: {}\n")
    return path


@pytest.mark.parametrize("preview", [True, False])
def test_a_removal_that_would_strand_integrations_is_refused_in_one_line(
    inventory: Path, monkeypatch: pytest.MonkeyPatch, preview: bool
) -> None:
    address = "nats-acme-corp-2.vrsky-tenants.svc.cluster.local:4222"
    pointed_to = RecordedInstance(
        tenant_id="acme-corp",
        instance_number=2,
        dns_name=address,
        status="active",
        integrations=57,
    )
    monkeypatch.setattr(decision, "take_snapshot", _found(pointed_to))
    outcome = _attempt(inventory, preview=preview)
    assert str(outcome.error) == (
        f"{inventory} cannot be carried out, so nothing was changed: acme-corp has 57 "
        "integrations, more than `instances: 1` holds (50 each): keep `instances: 2`."
    )
    _assert_refused(outcome)


@pytest.mark.parametrize("preview", [True, False])
def test_what_moves_and_what_finds_no_room_is_told_in_a_preview_and_in_an_up(
    inventory: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    preview: bool,
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(decision, "take_snapshot", _found(unplaced={"acme-corp": 57}))
    outcome = _attempt(inventory, preview=preview)
    assert [each.getMessage() for each in caplog.records if each.name == "root"] == [
        "1 tenant relies on labels alone (acme-corp): every pod that carries the label may "
        "connect; `clients.nkeys` admits only clients that prove who they are.",
        "acme-corp: 7 integrations have no instance, since there is no room (1 x 50); "
        "`integrations: 57` makes room, with `instances` left out or at least 2.",
        "acme-corp: 50 integrations to place",
    ]
    [records] = outcome.graph.of_type("TenantRecords")
    assert records.inputs["due"] == "50 integrations to place"


def test_without_the_database_nothing_is_deployed(
    inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decision, "take_snapshot", _unreachable)
    outcome = _attempt(inventory)
    assert str(outcome.error) == "The database cannot be used: no route. Nothing was changed."
    _assert_refused(outcome)


def test_without_the_database_a_preview_warns_and_shows_the_plan(
    inventory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(decision, "take_snapshot", _unreachable)
    outcome = _attempt(inventory, preview=True)
    assert outcome.error is None
    assert [each.name for each in outcome.graph.of_type("Tenant")] == ["acme-corp"]
    # asyncio may log here, late, the failures that other tests cause on purpose.
    assert [each.getMessage() for each in caplog.records if each.name == "root"] == [
        "The database cannot be used: no route. This preview could not look at the rows and "
        "integrations: an `up` may still refuse to remove a server."
    ]


def test_when_no_database_is_named_nothing_is_deployed(
    inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL")
    outcome = _attempt(inventory)
    assert str(outcome.error).startswith("No database is named")
    _assert_refused(outcome)


@pytest.mark.parametrize("preview", [True, False])
def test_a_wrong_inventory_is_refused_before_the_database_is_asked(
    inventory: Path, monkeypatch: pytest.MonkeyPatch, preview: bool
) -> None:
    monkeypatch.setattr(decision, "take_snapshot", _not_to_be_asked)
    inventory.write_text("tenants:\n  acme-corp: {integrations: -1}\n")
    outcome = _attempt(inventory, preview=preview)
    assert "integrations: -1" in str(outcome.error)
    _assert_refused(outcome)


@pytest.mark.parametrize("preview", [True, False])
def test_an_inventory_above_the_ceiling_is_refused_before_the_database_is_asked(
    inventory: Path, monkeypatch: pytest.MonkeyPatch, preview: bool
) -> None:
    monkeypatch.setattr(decision, "take_snapshot", _not_to_be_asked)
    inventory.write_text("tenants:\n  acme-corp: {instances: 3}\n")
    outcome = _attempt(inventory, preview=preview, maxInstances="2")
    assert str(outcome.error) == (
        f"{inventory} asks for too much, so nothing was changed: 3 instances in all, where "
        "maxInstances allows 2 instances (most of it: acme-corp 3 instances). Ask for less, or "
        "raise the ceiling of the stack (`pulumi config set`)."
    )
    _assert_refused(outcome)


@pytest.mark.parametrize("preview", [True, False])
def test_what_is_somebody_elses_is_refused_before_anything_is_made(
    inventory: Path, monkeypatch: pytest.MonkeyPatch, preview: bool
) -> None:
    monkeypatch.setattr(decision, "look", _finding("one thing", "another"))
    outcome = _attempt(inventory, preview=preview)
    assert str(outcome.error) == "Nothing was changed, since one thing; and another."
    _assert_refused(outcome)


@pytest.mark.parametrize(
    ("kind", "alone"),
    [
        ("Service", ["nats-acme-corp-1-service"]),
        # Its pod runs on with the ConfigMap that it has.
        ("Deployment", ["nats-acme-corp-1-config", "nats-acme-corp-1-deployment"]),
    ],
)
def test_an_up_leaves_a_tenants_object_alone_that_is_somebody_elses(
    inventory: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    alone: list[str],
) -> None:
    monkeypatch.setattr(decision, "look", _finding(taken=[(kind, "nats-acme-corp-1")]))
    refused: dict[bool, list[str]] = {}
    for preview in (True, False):
        outcome = _attempt(inventory, preview=preview)
        assert outcome.error is None
        assert "nats-acme-corp-1 in the namespace vrsky-tenants lacks the label" in caplog.text
        refused[preview] = [
            each.name
            for each in outcome.graph.resources
            if any(" " in label for label in each.inputs.get("metadata", {}).get("labels", ()))
        ]
    assert sorted(refused[False]) == alone, "no API server takes such a label"
    assert refused[True] == [], "a preview shows what would be made"


def test_a_cluster_that_cannot_be_looked_at_stops_an_up_and_is_told_by_a_preview(
    inventory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def look(_wanted: Wanted, _kubectl: Kubectl) -> Findings:
        raise ClusterError("no route to host")

    monkeypatch.setattr(decision, "look", look)
    outcome = _attempt(inventory)
    assert str(outcome.error) == (
        "The cluster could not be looked at: no route to host. Nothing was changed."
    )
    _assert_refused(outcome)
    outcome = _attempt(inventory, preview=True)
    assert outcome.error is None
    assert "an `up` may still refuse" in caplog.text


@pytest.mark.parametrize(
    ("rollout", "preview", "in_turn"),
    [
        ("serial", False, {"globex", "hooli"}),
        ("serial", True, set[str]()),
        ("parallel", False, set[str]()),
    ],
)
def test_those_take_turns_that_have_servers_already(
    inventory: Path,
    monkeypatch: pytest.MonkeyPatch,
    rollout: str,
    preview: bool,
    in_turn: set[str],
) -> None:
    inventory.write_text("tenants:\n  acme: {}\n  globex: {}\n  hooli: {instances: 2}\n")

    def existing(namespace: str, _kubectl: Kubectl) -> frozenset[str]:
        assert (namespace, rollout, preview) == ("vrsky-tenants", "serial", False), "nobody asks"
        return frozenset({"nats-globex-1", "nats-hooli-2", "nats-wayne-1"})

    monkeypatch.setattr(decision, "existing", existing)
    decided: list[decision.Decision] = []

    def run() -> None:
        given = {"inventory": inventory, "rollout": rollout}
        decided.append(decide(Settings.model_validate(given)))

    assert attempt(run, preview=preview).error is None
    assert decided[0].in_turn == in_turn


@pytest.mark.parametrize("preview", [True, False])
def test_quotas_that_may_not_be_seen_are_told_and_stop_nothing(
    inventory: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    preview: bool,
) -> None:
    def rationed(_namespace: str, _kubectl: Kubectl, _own: object) -> None:
        raise ClusterError("Error from server (Forbidden): resourcequotas is forbidden")

    monkeypatch.setattr(decision, "rationed", rationed)
    assert _attempt(inventory, preview=preview).error is None
    [told] = [each.getMessage() for each in caplog.records if "ResourceQuotas" in each.message]
    assert "an `up` stops half-way" in told
    assert UNSEEN not in told, "the guard would refuse the preview"


def test_quotas_that_cannot_be_looked_at_stop_an_up(
    inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rationed(_namespace: str, _kubectl: Kubectl, _own: object) -> None:
        raise ClusterError("no route to host")

    monkeypatch.setattr(decision, "rationed", rationed)
    outcome = _attempt(inventory)
    assert "The cluster could not be looked at: no route to host" in str(outcome.error)
    _assert_refused(outcome)


def test_the_cluster_is_looked_at_by_the_way_that_the_plugin_goes(
    inventory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str | None, str, str | None]] = []

    def look(_wanted: Wanted, kubectl: Kubectl) -> Findings:
        kubeconfig = kubectl.environment.get("KUBECONFIG")
        content = Path(kubeconfig).read_text() if kubeconfig else ""
        asked.append((kubectl.context, content, kubeconfig))
        return Findings()

    file = tmp_path / "kubeconfig"
    file.write_text("of a file")
    monkeypatch.setattr(decision, "look", look)
    monkeypatch.delenv("KUBECONFIG", raising=False)

    def of(configuration: dict[str, str]) -> tuple[str | None, str, str | None]:
        def decided() -> None:
            set_all_config(configuration)
            decide(Settings.model_validate({"inventory": inventory}))

        attempt(decided)
        return asked.pop()

    assert of({}) == (None, "", None)
    assert of({"kubernetes:context": "prod"}) == ("prod", "", None)
    assert of({"kubernetes:kubeconfig": str(file)}) == (None, "of a file", str(file))
    for text in ("the text itself", f'{{"clusters": "{"x" * 5000}"}}'):
        context, content, path = of({"kubernetes:kubeconfig": text})
        assert (context, content) == (None, text)
        assert path, "kubectl reads a file"
        assert not Path(path).exists()


def test_the_stack_exports_the_namespace_and_the_urls_of_every_tenant(
    project: Path, inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory.write_text("tenants:\n  acme-corp: {instances: 2}\n  globex: {}\n")
    configuration = {"tenant-nats:inventory": str(inventory), "tenant-nats:namespace": "servers"}
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(configuration))
    graph = deploy(lambda: runpy.run_path(str(project / "__main__.py")))
    assert graph.exports == {
        "namespace": "servers",
        "urls": {
            "acme-corp": [
                "nats://nats-acme-corp-1.servers.svc.cluster.local:4222",
                "nats://nats-acme-corp-2.servers.svc.cluster.local:4222",
            ],
            "globex": ["nats://nats-globex-1.servers.svc.cluster.local:4222"],
        },
    }


def test_no_secret_reaches_a_resource_an_export_or_a_message(
    project: Path,
    inventory: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked: list[str] = []

    def take_snapshot(dsn: str, **_needs: bool) -> Snapshot:
        asked.append(dsn)
        return Snapshot(instances=())

    def whole_program() -> None:
        set_all_config({"tenant-nats:databaseUrl": CANARY}, ["tenant-nats:databaseUrl"])
        runpy.run_path(str(project / "__main__.py"))

    monkeypatch.setattr(decision, "take_snapshot", take_snapshot)
    configuration = {"tenant-nats:inventory": str(inventory)}
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(configuration))
    with caplog.at_level(logging.DEBUG):
        graph = deploy(whole_program)
    assert asked == [CANARY], "the canary has to be where the program looks for it"
    provider = graph.one("TenantRecords").serialized_provider or ""
    seen = f"{graph} {base64.b64decode(provider)} {caplog.text}"
    assert "canary" not in seen


def test_no_input_is_a_secret_and_no_configuration_refers_to_a_variable() -> None:
    graph = graph_of({"globex": EVERY_OPTION})
    values = [value for each in graph.resources for value in _values(each.inputs)]
    marked = [value for value in values if json.dumps(value).startswith('{"secret": ')]
    assert marked == [], "the recorder marks secrets like this"
    unquoted = [re.sub(r'"[^"]*"', "", value) for value in values if isinstance(value, str)]
    assert not [text for text in unquoted if "$" in text], "nats-server reads $NAME as a variable"


def _values(value: Any) -> Iterator[object]:
    """`value` and every value anywhere in it."""
    yield value
    inner: list[Any] = []
    if isinstance(value, dict):
        inner = list(cast("dict[str, Any]", value).values())
    elif isinstance(value, list):
        inner = cast("list[Any]", value)
    for each in inner:
        yield from _values(each)


def _attempt(inventory: Path, *, preview: bool = False, **more: str) -> Outcome:
    """Decide and build, as `__main__` does, for the tenants in `inventory`."""
    settings = Settings.model_validate({"inventory": inventory, **more})
    return attempt(lambda: build(settings, decide(settings)), preview=preview)


def _assert_refused(outcome: Outcome) -> None:
    """The engine shows the words of a RunError and no traceback."""
    assert isinstance(outcome.error, pulumi.RunError)
    assert outcome.graph.resources == (), "a refusal comes before the first resource"


def _found(
    *instances: RecordedInstance, unplaced: Mapping[str, int] | None = None
) -> Callable[[str], Snapshot]:
    """A database with these rows, and `unplaced` integrations of each tenant."""

    def take_snapshot(_dsn: str, **_needs: bool) -> Snapshot:
        return Snapshot(instances=instances, unplaced=unplaced or {})

    return take_snapshot


def _finding(
    *refusals: str, taken: Collection[Object] = ()
) -> Callable[[Wanted, Kubectl], Findings]:
    """A cluster where somebody else has something."""

    def look(_wanted: Wanted, _kubectl: Kubectl) -> Findings:
        return Findings(refusals=refusals, taken=frozenset(taken))

    return look


def _unlimited(_namespace: str, _kubectl: Kubectl, _own: object) -> None:
    """A namespace without quotas."""


def _unreachable(_dsn: str, **_needs: bool) -> Snapshot:
    raise ControlPlaneError("The database cannot be used: no route.")


def _not_to_be_asked(_dsn: str, **_needs: bool) -> Snapshot:
    raise AssertionError("the database was asked")
