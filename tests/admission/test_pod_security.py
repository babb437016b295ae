"""Pod Security `restricted` on the real API server: it admits a server, and no breach of a control.

The same breaches are put to the test of the component, in tests/components/test_instance.py.
"""

from typing import Any

import pytest

from tests.access import Access, listed
from tests.components.stack import EVERY_OPTION, graph_of
from tests.pod_security import BREACHES, NEWER_THAN_THE_CLUSTER, broken

Answers = dict[str, str]
"""What the API server says of a pod, by the pod's name; nothing of one that it admits."""


@pytest.fixture(scope="module")
def restricted(access: Access) -> str:
    """A namespace with the label that the program puts on a managed one."""
    [namespace] = graph_of({"acme-corp": {}}).of_type("core/v1:Namespace")
    return access.new_namespace("pod-security", **namespace.inputs["metadata"]["labels"])


@pytest.fixture(scope="module")
def answers(access: Access, restricted: str) -> Answers:
    """Of all breaches, each done to the pod of a server."""
    pods = {name: broken(template(), breach) for name, (_, breach) in BREACHES.items()}
    return asked(access, restricted, pods)


@pytest.mark.parametrize("tenant", [{}, EVERY_OPTION], ids=["defaults", "every option"])
def test_the_pod_of_a_server_is_admitted(
    access: Access, restricted: str, tenant: dict[str, object]
) -> None:
    assert asked(access, restricted, {"server": template(tenant)}) == {}


@pytest.mark.parametrize("name", sorted(BREACHES.keys() - NEWER_THAN_THE_CLUSTER))
def test_a_pod_that_breaks_a_control_is_refused_by_that_control(
    answers: Answers, name: str
) -> None:
    control, _ = BREACHES[name]
    assert name in answers, "it was admitted"
    _, _, violations = answers[name].partition('violates PodSecurity "restricted:latest": ')
    assert control in violations


def template(tenant: dict[str, object] | None = None) -> Any:
    """The pod of a server, as the program describes it to the engine."""
    deployment = graph_of({"acme-corp": tenant or {}}).of_type(":Deployment")[0]
    return deployment.inputs["spec"]["template"]


def asked(access: Access, namespace: str, templates: dict[str, Any]) -> Answers:
    """Ask the API server for pods, by name, which it then does not make."""
    pods = [
        {
            **template,
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**template["metadata"], "name": name, "namespace": namespace},
        }
        for name, template in templates.items()
    ]
    answer = access.ask("create", "--dry-run=server", "--filename=-", stdin=listed(pods))
    lines = answer.stderr.splitlines()
    answers = {name: line for line in lines for name in templates if f' "{name}" is ' in line}
    admitted = {f"pod/{name} created (server dry run)" for name in templates.keys() - answers}
    assert set(answer.stdout.splitlines()) == admitted, answer.stderr
    return answers
