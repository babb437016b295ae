"""What the settings of the pods and of sizes accept, beside what the real API server does.

Each table has right values and wrong ones. What we accept, the API server takes. What it takes and
we refuse, stands in the table with its reason.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import product
from typing import Any, cast

import pytest
from pydantic import ValidationError

from settings.metadata import LARGEST_ANNOTATIONS
from settings.stack import Settings
from tenancy.inventory.models import Size, Toleration
from tenancy.names import FIELD_MANAGER
from tests.access import Access, listed
from tests.admission.test_clusters import new_nodes
from tests.components.stack import graph_of
from tests.components.test_pods import EVERY_SETTING

NAMES = {
    *("a", "a-b", "a.b", "1", "a" * 63, "a" * 253, ".".join(["a" * 63] * 3)),
    *("", "A", "a_b", "-a", "a-", "a..b", ".a", "a.", "a b", "a/b", "\u00e4", "a" * 254, "a\n"),
}
"""Names of objects, right and wrong."""
VALUES = {
    *("", "a", "A", "a-b_c.d", "1", "true", "a" * 63),
    *("-a", "a-", "a b", "a/b", "\u00e4", "a" * 64, "a\n", "_", "a:b"),
}
"""Values of labels."""
KEYS = {
    *("a", "A", "a-b_c.d", "1", "a" * 63, "x/a", "x.y-z/A", f"{'p' * 253}/a", "x/" + "a" * 63),
    *("", "-a", "a-", "a b", "a/", "/a", "x/y/a", "X/a", "x_y/a", "x..y/a", "-x/a", "\u00e4"),
    *("a" * 64, f"{'p' * 254}/a", "x/" + "a" * 64, "a\n", "x /a", "x./a"),
}
"""Keys of labels."""

Raw = dict[str, Any]


@pytest.fixture(scope="module")
def namespace(access: Access) -> str:
    """One with the label that the program puts on a managed one, and with what pods may name."""
    [made] = graph_of({"acme": {}}).of_type("core/v1:Namespace")
    name = access.new_namespace("values", **made.inputs["metadata"]["labels"])
    account = {"name": "nats", "namespace": name}
    classes = [("scheduling.k8s.io/v1", "PriorityClass", "servers", {"value": 1000})]
    classes += [("node.k8s.io/v1", "RuntimeClass", "gvisor", {"handler": "runsc"})]
    access.apply([
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
        *({"apiVersion": version, "kind": kind, "metadata": {"name": each}, **more}
          for version, kind, each, more in classes),
    ])  # fmt: skip
    return name


def test_a_pod_with_every_setting_is_admitted_where_pod_security_is_restricted(
    access: Access, namespace: str
) -> None:
    found = graph_of({"acme": {}}, pod=EVERY_SETTING).one(":Deployment").inputs["spec"]["template"]
    [pod] = admitted(access, namespace, [found])
    assert {key: pod["spec"][key] for key in found["spec"] if key in OWN} == {
        key: value for key, value in found["spec"].items() if key in OWN
    }, "Kubernetes has added nothing of its own: no 300 seconds for a lost node"
    assert pod["metadata"]["labels"] == found["metadata"]["labels"]
    assert pod["metadata"]["annotations"] == found["metadata"]["annotations"]


OWN = (
    *("nodeSelector", "tolerations", "affinity", "topologySpreadConstraints", "priorityClassName"),
    *("imagePullSecrets", "serviceAccountName", "serviceAccount", "runtimeClassName"),
)
"""The fields of a pod that the settings fill."""


def test_every_combination_in_a_toleration_is_judged_as_the_api_server_judges_it(
    access: Access, namespace: str
) -> None:
    given = [
        {key: value for key, value in zip(FIELDS, values, strict=True) if value is not None}
        for values in product(
            (None, "a", "x/a", "a b"),
            (None, "Exists", "Equal", "Gt", "exists"),
            (None, "", "v", "v v"),
            (None, "NoSchedule", "PreferNoSchedule", "NoExecute", "NoRun"),
            (None, 0, 5),
        )
    ]
    deployment = raw("tolerations", given)
    said = asked(access, namespace, {"all": deployment})["all"]
    refused = {int(place) for place in re.findall(r"spec\.tolerations\[(\d+)\]", said)}
    ours = {place for place, each in enumerate(given) if not is_right(Toleration, each)}
    assert len(refused) > 100
    assert ours == refused


FIELDS = ("key", "operator", "value", "effect", "tolerationSeconds")


def test_a_size_takes_the_same_tolerations_as_a_stack() -> None:
    resources = {"cpu": "1", "memory": "1Gi"}
    size: Raw = {"requests": resources, "limits": resources}
    for each in ({"key": "a"}, {"value": "a"}, {"operator": "Exists", "value": "b"}):
        both = [
            is_right(Size, {**size, "tolerations": (each,)}),
            is_right(Settings, {"pod": {"tolerations": [each]}}),
        ]
        assert both == [each == {"key": "a"}] * 2


PLACES: dict[str, tuple[Callable[[str], Raw], Callable[[str], Raw], set[str], set[str]]] = {
    "the key of a node's label": (
        lambda key: {"nodeSelector": {key: "v"}},
        lambda key: raw("nodeSelector", {key: "v"}),
        KEYS,
        set(),
    ),
    "the value of a node's label": (
        lambda value: {"nodeSelector": {"k": value}},
        lambda value: raw("nodeSelector", {"k": value}),
        VALUES,
        set(),
    ),
    "the key of a label": (
        lambda key: {"labels": {key: "v"}},
        lambda key: raw_metadata("labels", {key: "v"}),
        KEYS,
        set(),
    ),
    "the value of a label": (
        lambda value: {"labels": {"k": value}},
        lambda value: raw_metadata("labels", {"k": value}),
        VALUES,
        set(),
    ),
    "the key of an annotation": (
        lambda key: {"annotations": {key: "v"}},
        lambda key: raw_metadata("annotations", {key: "v"}),
        {*KEYS, "kubernetes.io/config.mirror", "scheduler.alpha.kubernetes.io/tolerations",
         "controller.kubernetes.io/pod-deletion-cost", "seccomp.security.alpha.kubernetes.io/pod",
         "container.apparmor.security.beta.kubernetes.io/nats"},
        set(),
    ),
    "the value of an annotation": (
        lambda value: {"annotations": {"k": value}},
        lambda value: raw_metadata("annotations", {"k": value}),
        {*VALUES, "a" * (LARGEST_ANNOTATIONS - 1), "a" * LARGEST_ANNOTATIONS,
         "\u00e4" * (LARGEST_ANNOTATIONS // 2)},
        set(),
    ),
    "the name of a PriorityClass": (
        lambda name: {"priorityClassName": name},
        lambda name: raw("priorityClassName", name),
        NAMES,
        {""},  # Kubernetes takes it for none; here it is left out instead.
    ),
    "the name of a ServiceAccount": (
        lambda name: {"serviceAccountName": name},
        lambda name: raw("serviceAccountName", name),
        NAMES,
        {""},
    ),
    "the name of a RuntimeClass": (
        lambda name: {"runtimeClassName": name},
        lambda name: raw("runtimeClassName", name),
        NAMES - {""},
        set(),
    ),
    "the name of a Secret": (
        lambda name: {"imagePullSecrets": [name]},
        lambda name: raw("imagePullSecrets", [{"name": name}]),
        NAMES,
        # The API server takes any text, although no Secret can have such a name.
        {name for name in NAMES if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", name)}
        | {"a..b", "a" * 254},
    ),
}  # fmt: skip
"""Our settings with a value, the raw field with it, the values, and those that only we refuse."""


@pytest.mark.parametrize("place", PLACES)
def test_a_value_is_judged_as_the_api_server_judges_it(
    access: Access, namespace: str, place: str
) -> None:
    setting, field, values, only_ours = PLACES[place]
    given = sorted(values)
    said = asked(access, namespace, {f"v{at}": field(value) for at, value in enumerate(given)})
    theirs = {value for at, value in enumerate(given) if said[f"v{at}"]}
    ours = {value for value in given if not is_right(Settings, {"pod": setting(value)})}
    assert theirs - ours == set(), "accepted, and the API server refuses it"
    assert ours - theirs == only_ours, "refused, and the API server takes it"


WEIGHTS = (0, 1, 100, 101, -1)
EXPRESSIONS: list[Raw] = [
    {"key": key, "operator": operator, "values": values}
    for key, operator, values in [
        *product(
            ["disk"],
            ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "Like"],
            [[], ["5"], ["a", "b"], ["a b"], [""], [str(2**63 - 1)], [str(2**63)]],
        ),
        *product(["a b", "x/y/z", "x/a"], ["In"], [["a"]]),
    ]
]
NODE_TERMS: list[Raw] = [{"matchExpressions": [each]} for each in EXPRESSIONS] + [
    {"matchFields": [{"key": key, "operator": operator, "values": values}]}
    for key, operator, values in product(
        ["metadata.name", "metadata.uid"], ["In", "NotIn", "Exists"], [[], ["a"], ["a", "b"], ["A"]]
    )
]
SELECTORS: list[Raw] = [
    {},
    {"matchLabels": {"a": "b"}},
    {"matchLabels": {"a b": "b"}},
    {"matchLabels": {"a": "b b"}},
    *(
        {"matchExpressions": [{"key": "a", "operator": operator, "values": values}]}
        for operator, values in product(
            ["In", "NotIn", "Exists", "DoesNotExist", "Gt"], [[], ["a"], ["a b"]]
        )
    ),
]
HOST = "kubernetes.io/hostname"
POD_TERMS: list[Raw] = [
    *({"topologyKey": HOST, "labelSelector": each} for each in SELECTORS),
    *({"topologyKey": HOST, "labelSelector": {}, "namespaceSelector": each} for each in SELECTORS),
    *({"topologyKey": key, "labelSelector": {}} for key in ("", "a b", "x/y/z", "zone")),
    *(
        {"topologyKey": HOST, "labelSelector": {}, "namespaces": [name]}
        for name in ("a", "A", "a.b", "", "a" * 64)
    ),
    *(
        {"topologyKey": HOST, "labelSelector": selector, **keys}
        for selector, keys in product(
            [None, {"matchLabels": {"a": "b"}}],
            [
                {"matchLabelKeys": ["a"]},
                {"matchLabelKeys": ["b"]},
                {"matchLabelKeys": ["b", "b"]},
                {"matchLabelKeys": ["instance-num"]},
                {"matchLabelKeys": ["b b"]},
                {"mismatchLabelKeys": ["a"]},
                {"mismatchLabelKeys": ["b"]},
                {"matchLabelKeys": ["b"], "mismatchLabelKeys": ["b"]},
            ],
        )
    ),
    {"topologyKey": HOST},
    {"topologyKey": HOST, "namespaces": ["a"]},
    {"topologyKey": HOST, "namespaceSelector": {}},
]
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
NO_NUMBER: list[Raw] = [
    {"matchExpressions": [{"key": "disk", "operator": operator, "values": values}]}
    for operator in ("Gt", "Lt")
    for values in [[""], [str(2**63)]]
]
"""The API server takes them, but no scheduler ever finds a node for them."""
NO_REQUIREMENT: list[Raw] = [{}, {"matchExpressions": [], "matchFields": []}]
"""So it is with these."""
NO_PODS: list[Raw] = [
    {"topologyKey": HOST},
    {"topologyKey": HOST, "namespaces": ["a"]},
    {"topologyKey": HOST, "namespaceSelector": {}},
]
"""And with these, if they are required: they mean no pod at all."""
ONE_KEY: list[Raw] = [
    {"topologyKey": HOST, "labelSelector": {"matchLabels": {"a": "b"}}, "matchLabelKeys": keys}
    for keys in (["a"], ["b", "b"])
]
"""The API server takes them in a Deployment, and refuses its pods if they have such a label."""
ONLY_OUR_PODS = [*ONE_KEY, *NO_PODS]
LISTS: dict[str, tuple[Callable[[list[Raw]], Raw], list[Raw], list[Raw]]] = {
    "required nodes": (
        lambda terms: {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": terms}}},
        [*NODE_TERMS, *NO_REQUIREMENT],
        [*NO_NUMBER, *NO_REQUIREMENT],
    ),
    "preferred nodes": (
        lambda terms: {"nodeAffinity": {PREFERRED: terms}},
        [
            *({"weight": 1, "preference": {"matchExpressions": [each]}} for each in EXPRESSIONS),
            *({"weight": each, "preference": NODE_TERMS[1]} for each in WEIGHTS),
            *({"weight": 1, "preference": each} for each in NO_REQUIREMENT),
        ],
        # As above; and a wrong value of a label, which it takes where no node has to have it.
        [
            {"weight": 1, "preference": {"matchExpressions": [each]}}
            for each in EXPRESSIONS
            if (
                each["operator"] in ("Gt", "Lt") and each["values"] in ([""], ["a b"], [str(2**63)])
            )
            or (each["operator"] in ("In", "NotIn") and each["values"] == ["a b"])
        ]
        + [{"weight": 1, "preference": each} for each in NO_REQUIREMENT],
    ),
    "required pods": (lambda terms: {"podAffinity": {REQUIRED: terms}}, POD_TERMS, ONLY_OUR_PODS),
    "avoided pods": (
        lambda terms: {"podAntiAffinity": {REQUIRED: terms}},
        POD_TERMS,
        ONLY_OUR_PODS,
    ),
    "preferred pods": (
        lambda terms: {"podAffinity": {PREFERRED: terms}},
        [
            *({"weight": 1, "podAffinityTerm": each} for each in POD_TERMS),
            *({"weight": each, "podAffinityTerm": POD_TERMS[1]} for each in WEIGHTS),
        ],
        [{"weight": 1, "podAffinityTerm": each} for each in ONLY_OUR_PODS],
    ),
}
"""An affinity that has terms, the terms to try, and those that only we refuse."""


@pytest.mark.parametrize("kind", LISTS)
def test_a_term_of_an_affinity_is_judged_as_the_api_server_judges_it(
    access: Access, namespace: str, kind: str
) -> None:
    affinity, terms, only_ours = LISTS[kind]
    said = asked(access, namespace, {"all": raw("affinity", affinity(terms))})["all"]
    # The first index: the others are within the term.
    path = r"spec\.affinity\.\w+(?:\.\w+)+\[(\d+)\]"
    theirs = {int(place) for place in re.findall(path, said)}
    ours = {
        place
        for place, each in enumerate(terms)
        if not is_right(Settings, {"pod": {"affinity": affinity([each])}})
    }
    assert len(theirs) > 4
    assert [terms[place] for place in theirs - ours] == [], "and the API server refuses it"
    assert [terms[place] for place in sorted(ours - theirs)] == only_ours


def test_no_node_is_found_for_what_only_we_refuse(access: Access, namespace: str) -> None:
    """By the real scheduler, with a node whose `disk` is 5, and with a pod on it."""

    def of_nodes(term: Raw) -> Raw:
        return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [term]}}}

    def of_pods(term: Raw) -> Raw:
        return {"podAffinity": {REQUIRED: [term]}}

    below = {"key": "disk", "operator": "Lt", "values": [str(2**63 - 1)]}
    right = [of_nodes({"matchExpressions": [below]})]
    right += [
        of_pods({"labelSelector": {}, **each}) for each in NO_PODS if "namespaces" not in each
    ]
    wrong = [of_nodes(each) for each in (*NO_NUMBER, *NO_REQUIREMENT)]
    wrong += [of_pods(each) for each in NO_PODS]
    taint = {"key": "numbered", "effect": "NoSchedule"}
    where = f"--namespace={namespace}"
    template = deployment()["spec"]["template"]
    tolerating = {**template["spec"], "tolerations": [{**taint, "operator": "Exists"}]}
    names: dict[str, list[str]] = {"true": [], "false": []}
    with new_nodes(access, {"numbered": {"disk": "5"}}, taints=[taint]):
        for is_found, affinities in (("true", right), ("false", wrong)):
            for number, each in enumerate(affinities):
                name = f"found-{is_found}-{number}"
                names[is_found].append(f"pod/{name}")
                metadata = {**template["metadata"], "name": name, "namespace": namespace}
                access.apply([{"apiVersion": "v1", "kind": "Pod", "metadata": metadata,
                               "spec": {**tolerating, "affinity": each}}])  # fmt: skip
            condition = f"--for=condition=PodScheduled={is_found}"
            access.run("wait", where, condition, "--timeout=60s", *names[is_found])
        access.run("delete", where, "--wait=false", *names["true"], *names["false"])


def test_an_accepted_affinity_reaches_the_pod_as_it_was_said(
    access: Access, namespace: str
) -> None:
    said = [
        affinity([each for place, each in enumerate(terms) if right[place]])
        for affinity, terms, _ in LISTS.values()
        if (right := [is_right(Settings, {"pod": {"affinity": affinity([one])}}) for one in terms])
    ]
    said += [{"nodeAffinity": {}}]
    made = [
        graph_of({"acme": {}}, pod={"affinity": each}).one(":Deployment").inputs["spec"]["template"]
        for each in said
    ]
    assert [each["spec"].get("affinity", {}) for each in made] == said
    assert len(admitted(access, namespace, made)) == len(LISTS) + 1


def doubled(given: Raw, above: str = "") -> dict[str, Raw]:
    """What comes of saying each item of a list twice, by the list, whatever it is within."""
    found: dict[str, Raw] = {}
    for key, value in given.items():
        name = f"{above}{key}"
        if isinstance(value, list):
            found[name] = {**given, key: [*value, *value]}
            if isinstance(value[0], dict):
                within = doubled(cast("Raw", value[0]), f"{name}[0].")
                found |= {at: {**given, key: [each]} for at, each in within.items()}
        elif isinstance(value, dict):
            within = doubled(cast("Raw", value), f"{name}.")
            found |= {at: {**given, key: each} for at, each in within.items()}
    return found


def test_an_item_that_is_said_twice_is_refused_by_us_or_taken_by_a_server_side_apply(
    access: Access, namespace: str
) -> None:
    """Which tells the items of some lists apart by their names; `create` does not."""
    twice = doubled(EVERY_SETTING)
    taken = [at for at, each in twice.items() if is_right(Settings, {"pod": each})]
    assert twice.keys() - taken == {"imagePullSecrets"}
    assert len(taken) > 4
    made = {f"twice-{number}": deployment(pod=twice[at]) for number, at in enumerate(taken)}
    server_side_apply(access, namespace, made)
    refused = raw("imagePullSecrets", [{"name": "a"}, {"name": "a"}])
    with pytest.raises(AssertionError, match="duplicate entries for key"):
        server_side_apply(access, namespace, {"refused": refused})


BEFORE_AND_AFTER: dict[str, tuple[Raw, Raw]] = {
    **{f"{key.lower()}-taken-away": ({"pod": {key: value}}, {})
       for key, value in EVERY_SETTING.items()},
    "all-taken-away": ({"pod": EVERY_SETTING, "runAsUser": 65532}, {}),
    "user-taken-away": ({"runAsUser": 65532}, {}),
    "user-given-back": ({"runAsUser": "none"}, {}),
    "account-changed": (
        {"pod": {"serviceAccountName": "nats"}}, {"pod": {"serviceAccountName": "other"}},
    ),
}  # fmt: skip
"""Settings of a stack, and those that it has after an edit."""


def test_an_edit_leaves_nothing_of_a_setting_that_was_there_before(
    access: Access, namespace: str
) -> None:
    """Not in fields either that the API server fills by itself, and that nobody owns."""
    edited = {name: deployment(**before) for name, (before, _) in BEFORE_AND_AFTER.items()}
    server_side_apply(access, namespace, edited)
    after = {name: deployment(**after) for name, (_, after) in BEFORE_AND_AFTER.items()}
    fresh = {f"{name}-fresh": each for name, each in after.items()}
    found = server_side_apply(access, namespace, {**after, **fresh})
    for name in after:
        assert found[name] == found[f"{name}-fresh"], name


def deployment(**settings: Any) -> Raw:
    """The Deployment of a server, with settings of its stack."""
    return json.loads(json.dumps(graph_of({"acme": {}}, **settings).one(":Deployment").inputs))


def server_side_apply(
    access: Access, namespace: str, deployments: Mapping[str, Raw]
) -> dict[str, Raw]:
    """Apply Deployments as the plugin does; the pods' templates that come of it, by their names.

    They start nothing.
    """
    named = [
        {**each, "metadata": {"name": name, "namespace": namespace},
         "spec": {**each["spec"], "paused": True}}
        for name, each in deployments.items()
    ]  # fmt: skip
    text = access.run(
        "apply", "--server-side", f"--field-manager={FIELD_MANAGER}", "--force-conflicts",
        "--validate=strict", "--filename=-", "--output=json", stdin=listed(named),
    )  # fmt: skip
    made = json.loads(text)["items"]
    return {each["metadata"]["name"]: each["spec"]["template"] for each in made}


def is_right(model: Any, given: Mapping[str, Any]) -> bool:
    """Whether we accept it."""
    with suppress(ValidationError):
        model.model_validate(given, by_alias=True, by_name=False)
        return True
    return False


def plain() -> Raw:
    """The Deployment of a server, without any setting."""
    return deployment()


def raw(field: str, value: object) -> Raw:
    """The same with a field of its pod that nobody has looked at."""
    deployment = plain()
    deployment["spec"]["template"]["spec"][field] = value
    return deployment


def raw_metadata(field: str, value: Mapping[str, str]) -> Raw:
    """The same with labels or annotations of its pod that nobody has looked at."""
    deployment = plain()
    deployment["spec"]["template"]["metadata"].setdefault(field, {}).update(value)
    return deployment


def asked(access: Access, namespace: str, deployments: Mapping[str, Raw]) -> dict[str, str]:
    """What the API server says of Deployments, by name, which it then does not make.

    Empty where it would make it.
    """
    named = [
        {**each, "metadata": {"name": name, "namespace": namespace}}
        for name, each in deployments.items()
    ]
    answer = access.ask(
        "create", "--dry-run=server", "--validate=strict", "--filename=-", stdin=listed(named)
    )
    taken = dict.fromkeys(re.findall(r"^deployment.apps/(\S+) created", answer.stdout, re.M), "")
    parts = re.split(r'^.*?Deployment(?:\.apps)? "(\S+)" is invalid: ', answer.stderr, flags=re.M)
    refused = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert taken.keys() | refused.keys() == deployments.keys(), answer.stderr[:2000]
    return {**taken, **refused}


def admitted(access: Access, namespace: str, templates: Iterable[Raw]) -> list[Raw]:
    """Pods of these templates, as the API server would store them."""
    pods = [
        {**each, "apiVersion": "v1", "kind": "Pod",
         "metadata": {**each["metadata"], "name": f"v{at}", "namespace": namespace}}
        for at, each in enumerate(templates)
    ]  # fmt: skip
    text = access.run(
        "create", "--dry-run=server", "--validate=strict", "--filename=-", "--output=json",
        stdin=listed(pods),
    )  # fmt: skip
    # kubectl writes one object after the other.
    return json.loads(f"[{text.replace(SEAM, '}, {')}]")


SEAM = "}\n{"
