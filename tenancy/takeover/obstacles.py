"""What prevents a take-over, each with what to do about it. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from tenancy.names import FIELD_MANAGER, PART_OF, cluster_domain_of, instance_selector
from tenancy.rows.snapshot import RecordedInstance
from tenancy.takeover.handover import Live, is_taken_over, is_untracked
from tenancy.takeover.there import There, told_selector


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """One thing that prevents a take-over, and what to do about it."""

    what: str
    remedy: str
    """A command, or a sentence."""


def obstacles(there: There) -> Iterator[Obstacle]:
    """All obstacles of a tenant."""
    within = f"kubectl --namespace={there.namespace}"
    for number, deployment in sorted(there.deployments.items()):
        name = deployment["metadata"]["name"]
        selector = deployment["spec"]["selector"]
        wanted = instance_selector(there.tenant, number)
        if selector != {"matchLabels": wanted}:
            yield Obstacle(
                what=f"Deployment {name} selects {told_selector(selector)}, which cannot be "
                f"changed, and is to select {told_selector({'matchLabels': wanted})}",
                remedy=f"{within} delete deployment {name}   # its clients are cut off from here "
                "until the `up`, which makes another one",
            )
    for service in there.own_services.values():
        name = service["metadata"]["name"]
        if service["spec"].get("clusterIP") == "None":
            yield Obstacle(
                what=f"Service {name} is headless, which cannot be changed",
                remedy=f"{within} delete service {name}   # the `up` makes another one; clients "
                "that are connected stay so",
            )
    for deployment in there.misnamed:
        name = deployment["metadata"]["name"]
        yield Obstacle(
            what=f"Deployment {name} has pods of {there.tenant} and another name than "
            f"nats-{there.tenant}-NUMBER, the address that workers are given",
            remedy=f"{within} delete deployment {name}   # once no integration uses its address",
        )
    for row in there.rows:
        if row.is_live and not row.lives_in(there.domain):
            yield _elsewhere(there, row)
    for each in there.owned:
        yield from _held(each)


def _elsewhere(there: There, row: RecordedInstance) -> Obstacle:
    other = cluster_domain_of(row.domain or "", there.namespace)
    remedy = "Find out which server that is; docs/runbook.md, A row that is not ours."
    if other:
        remedy = f"If this cluster's domain is {other}, give `--cluster-domain {other}`. {remedy}"
    return Obstacle(
        what=f"the row of instance {row.instance_number} is at {row.dns_name}, in another place",
        remedy=remedy,
    )


_ELSEWHERE = {
    "meta.helm.sh/release-name": "the Helm release {}, whose uninstall would delete it",
    "argocd.argoproj.io/tracking-id": "Argo CD ({}), which would put it back",
    "kustomize.toolkit.fluxcd.io/name": "Flux ({}), which would put it back",
    "helm.toolkit.fluxcd.io/name": "Flux ({}), which would put it back",
}
"""Who else owns an object, by the annotation or label that says so."""


def _held(live: Live) -> Iterator[Obstacle]:
    """Why an object is not free to be handed over."""
    metadata, name = live["metadata"], f"{live['kind']} {live['metadata']['name']}"
    if is_taken_over(live):
        return
    marks: dict[str, str] = {
        **(metadata.get("labels") or {}),
        **(metadata.get("annotations") or {}),
    }
    owners = [words.format(marks[mark]) for mark, words in _ELSEWHERE.items() if mark in marks]
    owners += [
        f"{owner['kind']} {owner['name']}" for owner in metadata.get("ownerReferences") or ()
    ]
    for owner in owners:
        yield Obstacle(
            what=f"{name} belongs to {owner}",
            remedy="Have it release the object without deleting it, then remove its label, "
            "annotation or owner reference.",
        )
    if finalizers := [each for each in metadata.get("finalizers") or () if each not in _HARMLESS]:
        yield Obstacle(
            what=f"{name} has somebody's finalizer {finalizers[0]}, which an `up` would remove",
            remedy="Find out what it still has to clean up, and have that done first.",
        )
    if is_untracked(live):
        labels = dict([PART_OF])
        manifest = {
            "apiVersion": live["apiVersion"],
            "kind": live["kind"],
            "metadata": {"name": metadata["name"], "labels": labels},
        }
        yield Obstacle(
            what=f"the API server does not know who has set the fields of {name}, so an `up` would "
            "keep the old beside the new",
            remedy=f"echo '{json.dumps(manifest)}' | kubectl --namespace={metadata['namespace']} "
            f"apply --server-side --field-manager={FIELD_MANAGER} -f -   # from then on it does",
        )


_HARMLESS = ("service.kubernetes.io/load-balancer-cleanup",)
"""Finalizers that Kubernetes itself removes."""
