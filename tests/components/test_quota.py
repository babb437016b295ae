"""What a quota is asked for is what the program makes."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pulumi.runtime import set_all_config

from cluster import kinds
from cluster.quotas import Rationed
from cluster.strangers import Findings
from rendering.recorder import attempt
from settings.stack import Settings
from tenancy.plan.quota import Amounts, Asked, Verdict, amounts
from tenancy.rows.snapshot import Snapshot
from tenant_nats import decision
from tenant_nats.construction import build
from tenant_nats.decision import decide


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"metrics": {"exporter": False}},
        {"metrics": {"podMonitor": True, "prometheusRule": True}},
        {"namespaceMode": "existing"},
        {"rollout": "serial"},
    ],
    ids=["the defaults", "no exporter", "monitored", "an existing namespace", "in turns"],
)
def test_what_is_counted_is_what_is_registered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, object]
) -> None:
    inventory = tmp_path / "tenants.yaml"
    inventory.write_text("tenants:\n  acme: {instances: 2}\n  globex: {}\n")
    counted: list[Asked] = []
    turns: list[bool] = []

    def judge(_quotas: object, *, planned: Asked, takes_turns: bool, **_others: object) -> Verdict:
        counted.append(planned)
        turns.append(takes_turns)
        return Verdict()

    nothing = Rationed(quotas=(), there=Asked(servers={}, objects={}), running={})
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example.com/platform")
    monkeypatch.setattr(decision, "take_snapshot", answering(Snapshot(instances=())))
    monkeypatch.setattr(decision, "look", answering(Findings()))
    monkeypatch.setattr(decision, "rationed", answering(nothing))
    monkeypatch.setattr(decision, "existing", answering(frozenset[str]()))
    monkeypatch.setattr(decision, "judge", judge)

    def run() -> None:
        set_all_config({})
        given = Settings.model_validate({"inventory": inventory, **settings})
        build(given, decide(given))

    outcome = attempt(run)
    assert outcome.error is None
    made = [each for each in outcome.graph.resources if each.type.startswith("kubernetes:")]
    names: dict[str, set[str]] = {}
    servers: dict[str, Amounts] = {}
    for each in made:
        kind, name = each.inputs["kind"], each.inputs["metadata"]["name"]
        if kind != "Namespace":
            names.setdefault(kinds.KINDS[kind], set()).add(name)
        if kind == "Deployment":
            containers = each.inputs["spec"]["template"]["spec"]["containers"]
            servers[name] = amounts(container["resources"] for container in containers)
    assert counted == [
        Asked(servers=servers, objects={key: frozenset(value) for key, value in names.items()})
    ]
    assert turns == ["rollout" in settings]


def answering(what: object) -> Callable[..., object]:
    """Whatever it is asked."""

    def answer(*_asked: object, **_options: object) -> object:
        return what

    return answer
