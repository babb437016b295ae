"""Lets the states of a cell follow its inventories: each tenant is in the state of its own shard.

The engine has no move over two states that is whole or not at all. So nothing is remembered: what
the files and the states say at any moment tells what is left to do, and an interrupted move is
finished by the next call. Until then no `up` harms the tenant: the shard that has the state refuses
to remove it, and the shard that has the file sees that its objects are elsewhere.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from cell.recorded import tenants_in
from operations.outside.pulumi import (
    Engine,
    EngineError,
    NoStackError,
    Resource,
    StackLockedError,
    State,
)
from operations.recovery import leftovers
from operations.recovery.pending import name, operations, resources
from tenancy.cells import Member
from tenancy.tokens import TENANT
from tenancy.words import counted, listed

_AT_ONCE = 4
"""How many states are read at a time."""


@dataclass
class States:
    """The states of some members of a cell, read when they are first asked for."""

    engine: Callable[[Member], Engine]
    say: Callable[[str], None]
    """Told each thing that is done."""
    _read: dict[Member, State | None] = field(default_factory=dict[Member, State | None])
    """None for a member without a stack."""
    _unlocked: set[Member] = field(default_factory=set[Member])

    def unlock(self, members: Iterable[Member]) -> None:
        """Remove what a dead engine has left in the way, such as its lock.

        So a move that was killed goes on by itself when it is run again. `recover` could not help:
        it asks the program, which refuses in the middle of a move.

        Raises:
            EngineError: an engine runs, or it cannot be seen from here whether it does.
        """
        for member in members:
            if member in self._unlocked:
                continue
            try:
                leftovers.clear(self.engine(member), self.say)
            except leftovers.EngineLives as finding:
                raise EngineError(
                    f"{member.stack}: {finding} Wait until it ends, then run this again."
                ) from None
            except leftovers.LockUnjudged as finding:
                raise EngineError(
                    f"{member.stack} is locked by {finding} Whether that engine runs cannot be "
                    "seen from here. Wait until it ends; if it is dead, run `tenant-nats recover "
                    f"--stack {member.stack} --engine-is-dead`, whatever else that says. Then run "
                    "this again."
                ) from None
            self._unlocked.add(member)

    def read(self, members: Iterable[Member]) -> None:
        """Read several states at once.

        Raises:
            EngineError: a state cannot be read.
        """
        missing = [each for each in members if each not in self._read]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            self._read.update(zip(missing, pool.map(self._exported, missing), strict=True))

    def forget(self, *members: Member) -> None:
        """Read these again when they are next asked for."""
        for each in members:
            self._read.pop(each, None)

    def of(self, member: Member) -> State | None:
        """The state of a member; None if it has no stack."""
        self.read([member])
        return self._read[member]

    def tenants(self, member: Member) -> Mapping[str, str]:
        """The tenants that a member's state has, each with the URN of its component."""
        state = self.of(member)
        held = tenants_in(state["deployment"]) if state else ()
        return {each: urn for each, urn in self._components(member).items() if each in held}

    def hollow(self, member: Member) -> Mapping[str, str]:
        """The tenants of which it has a component and nothing else, each with its URN.

        An `up` that fails for a tenant of another shard leaves one.
        """
        held = self.tenants(member)
        return {each: urn for each, urn in self._components(member).items() if each not in held}

    def _components(self, member: Member) -> Mapping[str, str]:
        state = self.of(member)
        found = resources(state) if state else []
        return {name(each): each["urn"] for each in found if each["type"] == TENANT}

    def _exported(self, member: Member) -> State | None:
        try:
            return self.engine(member).export()
        except NoStackError:
            return None
        except EngineError as error:
            if "failed to load checkpoint" not in str(error):
                raise
            # Of all states that are read here, somebody has to know which.
            raise EngineError(
                f"The state of {member.stack} cannot be read: {error}. If an engine was killed, run"
                f" `tenant-nats recover --stack {member.stack}` first, then this again."
            ) from None


def settle(homes: Mapping[str, Member], states: States, members: Iterable[Member]) -> bool:
    """Move tenants between states until each is in that of its home alone.

    Two stacks between which nothing can be moved hold up no others.

    Args:
        homes: the shard whose inventory has the tenant, by tenant. Others are left alone.
        states: of the cell.
        members: where to look for them, the base too: it has them when one stack becomes a cell.

    Returns:
        Whether anything was moved.

    Raises:
        EngineError: a stack was interrupted or is in use, or the engine failed. What was done
            stays done, and the next call goes on.
    """
    members = list(members)
    states.read(members)
    is_changed, errors = False, dict[str, None]()
    for source in members:
        leaving: dict[Member, list[str]] = {}
        for tenant in states.tenants(source):
            if (home := homes.get(tenant, source)) != source:
                leaving.setdefault(home, []).append(tenant)
        for target, going in sorted(leaving.items(), key=lambda each: each[0].stack):
            try:
                _transfer(going, source, target, states)
            except StackLockedError as error:
                errors[
                    f"{source.stack} or {target.stack} is in use; run this again when its `up` has "
                    f"ended. ({error})"
                ] = None
            except EngineError as error:
                errors[str(error)] = None
            else:
                is_changed = True
                named = listed(sorted(going), most=5)
                states.say(f"State of {named}: {source.stack} → {target.stack}.")
    if errors:
        raise EngineError("\n".join(errors))
    return is_changed


def _transfer(tenants: list[str], source: Member, target: Member, states: States) -> None:
    # They may have been read minutes ago.
    states.forget(source, target)
    check_movable(states, [source, target])
    held, there = states.tenants(source), states.engine(target)
    tenants = [each for each in tenants if each in held]
    before = {tenant: _ids(states.of(source), held[tenant]) for tenant in tenants}
    if states.of(target) is None:
        there.create()
        states.forget(target)
    there.drop_needless_settings()
    _check_alike(before, source, target, states)
    hollow = states.hollow(target)
    state = states.of(target)
    if state and (useless := [hollow[each] for each in tenants if each in hollow]):
        there.replace_state(without(state, useless))
        states.forget(target)
    # An interrupted move has written the target's state, and not yet the source's.
    doubled = states.tenants(target).keys() & held.keys()
    if new := [held[each] for each in tenants if each not in doubled]:
        states.engine(source).move(new, there)
        states.forget(source, target)
    if old := [held[each] for each in tenants if each in doubled]:
        if here := states.of(source):
            states.engine(source).replace_state(without(here, old))
        states.forget(source)
    _verify(before, source, target, states)


def check_movable(states: States, members: Iterable[Member]) -> None:
    """Check that tenants can move between these members.

    Raises:
        EngineError: an `up` of one runs or was interrupted, they were last deployed with different
            settings, which the engine cannot move between, or a state cannot be read.
    """
    members = list(members)
    states.unlock(members)
    states.read(members)
    for member in members:
        state = states.of(member)
        if state and (pending := operations(state)):
            raise EngineError(
                f"{member.stack} has {counted(len(pending), 'pending operation')}. Its `up` runs: "
                "wait until it ends. Or it was interrupted: run `tenant-nats recover --stack "
                f"{member.stack}` first. Then run this again."
            )

    providers: dict[str, tuple[Member, object]] = {}
    for member in members:
        state = states.of(member)
        for each in resources(state) if state else ():
            if each["type"].startswith("pulumi:providers:"):
                kind = f"{each['type']}::{name(each)}"
                other, inputs = providers.setdefault(kind, (member, each.get("inputs")))
                if inputs != each.get("inputs"):
                    raise EngineError(
                        f"{other.stack} and {member.stack} were last deployed with different "
                        f"settings ({kind}), and the engine moves nothing between them. Deploy "
                        "both first, then run this again."
                    )


def _check_alike(
    before: Mapping[str, Collection[str]], source: Member, target: Member, states: States
) -> None:
    """Check that what both states have of a tenant is the same.

    Raises:
        EngineError: it is not, so neither of them may be dropped.
    """
    there = states.tenants(target)
    for tenant, ids in before.items():
        has = _ids(states.of(target), there.get(tenant))
        if tenant in there and sorted(has) != sorted(ids):
            objects = counted(len(ids), "object")
            raise EngineError(
                f"{source.stack} has {objects} of {tenant}, and {target.stack} has {len(has)}, so "
                "neither can be dropped. Deploy neither; look at both by `pulumi stack export`."
            )


def _verify(
    before: Mapping[str, Collection[str]], source: Member, target: Member, states: States
) -> None:
    """Check that the target has exactly what the source had, and the source no more of it.

    Raises:
        EngineError: it has not, so somebody should look at both states.
    """
    there, left = states.of(target), states.tenants(source)
    for tenant, ids in before.items():
        has = _ids(there, states.tenants(target).get(tenant))
        if sorted(has) != sorted(ids) or tenant in left:
            objects = counted(len(ids), "object")
            raise EngineError(
                f"{tenant} is not moved as a whole: {source.stack} had {objects} of it, and "
                f"{target.stack} has {len(has)}. Deploy neither; look at both by `pulumi stack "
                "export`."
            )


def _ids(state: State | None, urn: str | None) -> list[str]:
    """The ids of all that is in a component; none without it."""
    if state is None or urn is None:
        return []
    inside = _inside(state, [urn])
    return [str(each["id"]) for each in resources(state) if each["urn"] in inside and "id" in each]


def without(state: State, urns: Iterable[str]) -> State:
    """The state without these components and all that is in them."""
    gone = _inside(state, urns)
    kept = [_independent(each, gone) for each in resources(state) if each["urn"] not in gone]
    return {**state, "deployment": {**state["deployment"], "resources": kept}}


def _inside(state: State, urns: Iterable[str]) -> set[str]:
    found = set(urns)
    # A child comes after its parent.
    for each in resources(state):
        if each.get("parent") in found:
            found.add(each["urn"])
    return found


def _independent(resource: Resource, gone: Collection[str]) -> Resource:
    """The resource without its dependencies on what is gone."""
    depends: list[str] = resource.get("dependencies") or []
    by_property: dict[str, list[str]] = resource.get("propertyDependencies") or {}
    return {
        **resource,
        "dependencies": [urn for urn in depends if urn not in gone],
        "propertyDependencies": {
            key: [urn for urn in each or [] if urn not in gone] for key, each in by_property.items()
        },
    }
