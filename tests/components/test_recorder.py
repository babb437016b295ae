"""The recorder itself: no other test could see what it hides."""

import pulumi
import pytest

from rendering.recorder import attempt, deploy


def test_a_failing_apply_fails_the_deployment() -> None:
    def program() -> None:
        pulumi.Output.from_input(1).apply(lambda number: number / 0)

    with pytest.raises(ZeroDivisionError):
        deploy(program)


def test_two_resources_with_one_urn_fail_the_deployment() -> None:
    def program() -> None:
        pulumi.ComponentResource("a:b:C", "same")
        pulumi.ComponentResource("a:b:C", "same")

    with pytest.raises(AssertionError, match=r"same URN.*a:b:C::same"):
        deploy(program)


def test_outputs_that_are_registered_twice_fail_the_deployment() -> None:
    def program() -> None:
        component = pulumi.ComponentResource("a:b:C", "one")
        component.register_outputs({})
        component.register_outputs({})

    with pytest.raises(AssertionError, match=r"registered twice.*a:b:C::one"):
        deploy(program)


def test_a_failure_comes_with_what_was_registered_before_it() -> None:
    def program() -> None:
        pulumi.ComponentResource("a:b:C", "first")
        raise pulumi.RunError("no")

    outcome = attempt(program)
    assert [resource.name for resource in outcome.graph.resources] == ["first"]
    assert isinstance(outcome.error, pulumi.RunError)


def test_values_come_back_as_they_were_before_the_wire() -> None:
    def program() -> None:
        first = pulumi.CustomResource("a:b:C", "first", {"whole": 3, "part": 0.5, "yes": True})
        pulumi.CustomResource("a:b:C", "second", {"of": first, "hidden": pulumi.Output.secret("x")})

    first, second = deploy(program).resources
    assert repr(first.inputs) == repr({"part": 0.5, "whole": 3, "yes": True})
    assert second.inputs == {"hidden": {"secret": "x"}, "of": {"resource": first.urn}}


def test_a_urn_has_the_types_of_all_ancestors_as_the_engines_has() -> None:
    def program() -> None:
        top = pulumi.ComponentResource("a:b:Top", "top")
        middle = pulumi.ComponentResource("a:b:Middle", "middle", None, _child_of(top))
        pulumi.ComponentResource("a:b:Leaf", "leaf", None, _child_of(middle))

    assert deploy(program).one(":Leaf").urn == (
        "urn:pulumi:test::tenant-nats::a:b:Top$a:b:Middle$a:b:Leaf::leaf"
    )


def _child_of(parent: pulumi.Resource) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(parent=parent)
