"""The section `pod` of a stack's settings, and `runAsUser`: what is said of what does not fit."""

from typing import Any

import pytest

from settings.metadata import LARGEST_ANNOTATIONS
from settings.reading import SettingsError, settings_of
from tenancy.inventory.models import Toleration

TAINT = {"key": "dedicated", "value": "nats", "effect": "NoSchedule"}


def refused(**given: Any) -> str:
    """What is said of settings, without what is said of every report."""
    with pytest.raises(SettingsError) as caught:
        settings_of(given, "stack.yaml")
    said = str(caught.value)
    assert said.startswith("stack.yaml: ")
    assert said.endswith(". Nothing was changed.")
    return said.removeprefix("stack.yaml: ").removesuffix(". Nothing was changed.")


def refused_pod(**given: Any) -> str:
    return refused(pod=given)


NODE_KEY = "expected the key of a node's label, for example kubernetes.io/arch"
A_TOLERATION = "for example {key: dedicated, value: nats, effect: NoSchedule}"
OURS = (
    "expected another key, since selectors, policies or this program use this one, for example team"
)
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


REFUSED: list[tuple[dict[str, Any], str]] = [
        ({"nodeSelector": {"a b": "c"}}, f"pod.nodeSelector has the key a b, {NODE_KEY}"),
        (
            {"nodeSelector": {"pool": "a b"}},
            "pod.nodeSelector.pool is a b, expected the value of a node's label, as text, for "
            "example amd64",
        ),
        (
            {"nodeSelector": ["pool"]},
            "pod.nodeSelector is ['pool'], expected settings below it, for example "
            "pod.nodeSelector.pool",
        ),
        (
            {"tolerations": TAINT},
            f"pod.tolerations is {TAINT}, expected a list, for example pod.tolerations[0]",
        ),
        (
            {"tolerations": ["dedicated"]},
            "pod.tolerations[0] is dedicated, expected settings below it, for example "
            "pod.tolerations[0].key",
        ),
        (
            {"tolerations": [TAINT, {**TAINT, "efect": "NoExecute"}]},
            "there is no setting pod.tolerations[1].efect; known are pod.tolerations[1].effect, "
            "pod.tolerations[1].key, pod.tolerations[1].operator, "
            "pod.tolerations[1].tolerationSeconds, pod.tolerations[1].value",
        ),
        (
            {"tolerations": [{**TAINT, "toleration_seconds": 1}]},
            "there is no setting pod.tolerations[0].toleration_seconds; known are "
            "pod.tolerations[0].effect, pod.tolerations[0].key, pod.tolerations[0].operator, "
            "pod.tolerations[0].tolerationSeconds, pod.tolerations[0].value",
        ),
        (
            {"tolerations": [{**TAINT, "effect": "NoRun"}]},
            "pod.tolerations[0].effect is NoRun, expected 'NoSchedule', 'PreferNoSchedule' or "
            "'NoExecute'",
        ),
        (
            {"tolerations": [{"value": "x", "tolerationSeconds": 5}]},
            "pod.tolerations[0] is {'value': 'x', 'tolerationSeconds': 5}, expected a `key`, or "
            "`operator: Exists` for every taint, and `effect: NoExecute` with "
            f"`tolerationSeconds`, {A_TOLERATION}",
        ),
        (
            {"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]},
            "pod.tolerations[0] is {'key': 'a', 'operator': 'Exists', 'value': 'b'}, expected no "
            f"`value` with `operator: Exists`, {A_TOLERATION}",
        ),
        ({"labels": {"tenant-id": "x"}}, f"pod.labels has the key tenant-id, {OURS}"),
        ({"labels": {"tenant-nats/x": "x"}}, f"pod.labels has the key tenant-nats/x, {OURS}"),
        (
            {"annotations": {"a": "x" * LARGEST_ANNOTATIONS}},
            f"pod.annotations is {{'a': '{'x' * 63}…, expected at most 262144 bytes in all, keys "
            'and values together, for example {karpenter.sh/do-not-disrupt: "true"}',
        ),
        (
            {"annotations": {"karpenter.sh/do-not-disrupt": True}},
            "pod.annotations.karpenter.sh/do-not-disrupt is True, expected the value of an "
            'annotation, as text, for example "true"',
        ),
        (
            {"imagePullSecrets": "registry"},
            "pod.imagePullSecrets is registry, expected a list, for example "
            "pod.imagePullSecrets[0]",
        ),
        (
            {"imagePullSecrets": [{"name": "registry"}]},
            "pod.imagePullSecrets[0] is {'name': 'registry'}, expected the name of a Secret, for "
            "example registry",
        ),
        (
            {"priorityClassName": "High"},
            "pod.priorityClassName is High, expected the name of a PriorityClass, for example "
            "tenant-servers",
        ),
        (
            {"nodeLostSeconds": -1},
            "pod.nodeLostSeconds is -1, expected whole seconds, 0 or more, not in quotes, for "
            "example 30",
        ),
        ({"spread": "racks"}, "pod.spread is racks, expected 'none', 'nodes' or 'zones'"),
        (
            {"affinity": {"nodeAfinity": {}}},
            "there is no setting pod.affinity.nodeAfinity; known are pod.affinity.nodeAffinity, "
            "pod.affinity.podAffinity, pod.affinity.podAntiAffinity",
        ),
        (
            {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": []}}}},
            f"pod.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms is [], expected at least 1 "
            "item",
        ),
        (
            {"affinity": {"podAntiAffinity": {REQUIRED: [{"labelSelector": {}}]}}},
            f"pod.affinity.podAntiAffinity.{REQUIRED}[0].topologyKey is missing, expected the key "
            "of a node's label, for example kubernetes.io/hostname",
        ),
        (
            {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{}, {
                "matchExpressions": [{"key": "disk", "values": ["ssd"]}]
            }]}}}},
            f"pod.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms[0] is {{}}, expected a "
            "requirement in `matchExpressions` or `matchFields`, for example {matchExpressions: "
            "[{key: disk, operator: In, values: [ssd]}]}; "
            f"pod.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms[1].matchExpressions[0]"
            ".operator is missing, expected 'In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt' or 'Lt'",
        ),
        (
            {"affinity": {"nodeAffinity": {PREFERRED: [{"weight": 1}]}}},
            f"pod.affinity.nodeAffinity.{PREFERRED}[0].preference is missing, expected settings "
            f"below it, for example pod.affinity.nodeAffinity.{PREFERRED}[0].preference"
            ".matchExpressions",
        ),
        (
            {"affinity": {"nodeAffinity": {PREFERRED: [{"weight": 1, "preference": {
                "matchExpressions": [{"key": "disk", "operator": "Gt", "values": [str(2**63)]}]
            }}]}}},
            f"pod.affinity.nodeAffinity.{PREFERRED}[0].preference.matchExpressions[0] is "
            "{'key': 'disk', 'operator': 'Gt', 'values': ['9223372036854775808']}, expected one "
            "number in quotes, at most 9223372036854775807, in `values` with `operator: Gt`, for "
            "example {key: disk, operator: In, values: [ssd]}",
        ),
        (
            {"affinity": {"podAffinity": {REQUIRED: [{"topologyKey": "zone"}]}}},
            f"pod.affinity.podAffinity.{REQUIRED}[0].labelSelector is missing, expected settings "
            f"below it, for example pod.affinity.podAffinity.{REQUIRED}[0].labelSelector"
            ".matchLabels",
        ),
        (
            {"imagePullSecrets": ["registry", "mirror", "registry"]},
            "pod.imagePullSecrets is ['registry', 'mirror', 'registry'], expected each name once, "
            "for example [registry, mirror]",
        ),
        ({"nodeselector": {}}, "there is no setting pod.nodeselector; known are pod.affinity, "
         "pod.annotations, pod.imagePullSecrets, pod.labels, pod.nodeLostSeconds, "
         "pod.nodeSelector, pod.priorityClassName, pod.runtimeClassName, pod.serviceAccountName, "
         "pod.spread, pod.tolerations"),
    ]  # fmt: skip


@pytest.mark.parametrize(("given", "words"), REFUSED)
def test_a_value_that_does_not_fit_is_told_by_its_whole_key(
    given: dict[str, Any], words: str
) -> None:
    assert refused_pod(**given) == words


def test_all_faults_of_the_pods_come_in_one_report() -> None:
    said = refused_pod(
        labels={"app": "x"}, tolerations=[{}], spread="racks", priorityClassName="High"
    )
    assert [part.partition(" ")[0] for part in said.split("; ")] == [
        "pod.tolerations[0]", "pod.spread", "pod.priorityClassName", "pod.labels",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "toleration",
    [
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"},
        {"key": "node.kubernetes.io/not-ready", "operator": "Exists"},
        {"key": "node.kubernetes.io/not-ready"},
        {"operator": "Exists"},
    ],
    ids=["the same", "for every effect", "without a value", "for every taint"],
)
def test_a_lost_node_is_tolerated_by_one_setting_only(toleration: dict[str, Any]) -> None:
    told = str(Toleration.model_validate(toleration))
    assert refused_pod(nodeLostSeconds=30, tolerations=[TAINT, toleration]) == (
        f"pod.tolerations[1] ({told}) tolerates a lost node too, and pod.nodeLostSeconds is 30: "
        "leave out one of the two, or name another `key` or `effect`"
    )
    settings_of({"pod": {"tolerations": [toleration]}}, "")


@pytest.mark.parametrize(
    "toleration",
    [
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "node.kubernetes.io/memory-pressure", "operator": "Exists"},
        {"key": "node.kubernetes.io/not-ready", "value": "other"},
        {"operator": "Exists", "effect": "NoSchedule"},
    ],
)
def test_what_tolerates_something_else_agrees_with_it(toleration: dict[str, Any]) -> None:
    settings_of({"pod": {"nodeLostSeconds": 30, "tolerations": [toleration]}}, "")


@pytest.mark.parametrize(
    ("given", "user"), [("none", None), ("1000", 1000), (65532, 65532)], ids=str
)
def test_a_user_is_a_number_or_none(given: object, user: int | None) -> None:
    assert settings_of({"runAsUser": given}, "").run_as_user == user


@pytest.mark.parametrize("given", ["0", 0, -1, 2**31, "root", "None", "", None, "1e3"])
def test_what_is_no_user_is_refused(given: object) -> None:
    assert refused(runAsUser=given).endswith(
        "expected the number of a user, 1 or more, or none to leave it to the platform, for "
        "example 1000"
    )
