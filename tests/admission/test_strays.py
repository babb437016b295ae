"""What the LimitRange of a managed namespace does to containers, on the real API server."""

import json
from typing import Any

import pytest
from ruamel.yaml import YAML

from sandbox.layout import PROJECT
from tests.access import Access, listed
from tests.components.stack import EVERY_OPTION, graph_of

NOTHING: dict[str, Any] = {}


@pytest.fixture(scope="module")
def namespace(access: Access) -> str:
    """A namespace with nothing but the LimitRange that the program makes."""
    name = access.new_namespace("strays")
    access.apply([limit_range(namespace=name)])
    return name


@pytest.mark.parametrize(
    ("said", "requests", "limits"),
    [
        pytest.param(
            NOTHING, {"cpu": "50m", "memory": "64Mi"}, {"memory": "1Gi"}, id="says nothing"
        ),
        pytest.param(
            {"requests": {"cpu": "4", "memory": "900Mi"}},
            {"cpu": "4", "memory": "900Mi"},
            {"memory": "1Gi"},
            id="requests something",
        ),
        pytest.param(
            {"limits": {"cpu": "20m", "memory": "32Mi"}},
            {"cpu": "20m", "memory": "32Mi"},
            {"cpu": "20m", "memory": "32Mi"},
            id="is limited to less",
        ),
        pytest.param(
            {"requests": {"memory": "30Gi"}, "limits": {"memory": "60Gi"}},
            {"cpu": "50m", "memory": "30Gi"},
            {"memory": "60Gi"},
            id="names both, however large",
        ),
    ],
)
def test_a_container_gets_what_it_does_not_say(
    access: Access, namespace: str, said: Any, requests: Any, limits: Any
) -> None:
    assert admitted(access, pod(namespace, said)) == {"requests": requests, "limits": limits}


@pytest.mark.parametrize("tenant", [{}, EVERY_OPTION], ids=["standard", "large"])
def test_a_server_keeps_the_resources_of_its_size(
    access: Access, namespace: str, tenant: dict[str, object]
) -> None:
    template = graph_of({"acme": tenant}).of_type(":Deployment")[0].inputs["spec"]["template"]
    said = template["spec"]["containers"][0]["resources"]
    assert admitted(access, pod(namespace, said)) == said


def test_who_requests_more_than_a_stray_and_names_no_limit_is_told_so(
    access: Access, namespace: str
) -> None:
    manifest = listed([pod(namespace, {"requests": {"memory": "2Gi"}})])
    answer = access.ask("create", "--dry-run=server", "--filename=-", stdin=manifest)
    assert 'requests: Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi' in (
        answer.stderr
    )


def test_an_administrator_gives_an_existing_namespace_the_same_limits() -> None:
    documents: Any = YAML(typ="safe").load_all(PROJECT / "deploy" / "rbac.yaml")
    [given] = [each for each in documents if each["kind"] == "LimitRange"]
    assert given["spec"] == limit_range(namespace="vrsky-tenants")["spec"]


def limit_range(*, namespace: str) -> dict[str, Any]:
    return dict(graph_of({"acme": {}}, namespace=namespace).one("LimitRange").inputs)


def pod(namespace: str, resources: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "stray", "namespace": namespace},
        "spec": {"containers": [{"name": "stray", "image": "any", "resources": resources}]},
    }


def admitted(access: Access, manifest: dict[str, Any]) -> Any:
    """The resources of a pod's container, as the API server would store it."""
    answer = access.run(
        "create", "--dry-run=server", "--filename=-", "--output=json", stdin=json.dumps(manifest)
    )
    return json.loads(answer)["spec"]["containers"][0]["resources"]
