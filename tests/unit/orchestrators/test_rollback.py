"""A rollback deletes what the operation created and nothing else, and names what it could not delete."""

from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from typing import Any

import pytest

from activities.inventory import list_group, read_group
from activities.resources.generic import delete_resource, detach_resources, observe_resource
from dormouse.blueprints.catalog import plan_for
from dormouse.environments.answers import Answer, Done, Refused
from dormouse.environments.requests import BuildResult, DetachRequest
from dormouse.environments.results import GroupView, Refusal, RefusalReason, RefusedRead, ResourceStatus
from dormouse.resources.identity import assignment_id
from dormouse.resources.plan import Resource
from dormouse.resources.registry import with_implied
from orchestrators.environments.execute_plan import PlanExecution
from orchestrators.environments.rollback import roll_back
from orchestrators.progress import DONE, REFUSED, ProgressTracker
from tests.unit.builders import target, workstation_spec
from tests.unit.durable import DurableContext

PLAN = plan_for(workstation_spec(), target())
ALL = frozenset(resource.name for resource in PLAN.resources)
GROUP = PLAN.resource("group").id
FOREIGN = f"{GROUP}/providers/Microsoft.Compute/disks/of-others"
ROLE = assignment_id(PLAN.resource("storage").id, "p-1", "r")
SECRET = f"key vault secret {PLAN.resource('password').id.removeprefix('secrets/')}"
LOCKED = Refused(Refusal(RefusalReason.CONFLICT, "locked", "ScopeLocked"))


@dataclass
class Place:
    """What exists in Azure, and what is deleted and detached; some of it resists."""

    there: set[str]
    others: tuple[str, ...] = ()
    resists: Set[str] = frozenset()
    fails: Set[str] = frozenset()
    unseen: Set[str] = frozenset()
    deleted: list[str] = field(default_factory=list)
    detached: list[DetachRequest] = field(default_factory=list)

    def delete(self, resource: Resource) -> Answer:
        assert (resource.body, resource.setup) == ({}, None), "history keeps no bodies of what is deleted"
        self.deleted.append(resource.name)
        if resource.name in self.resists:
            return LOCKED
        self.there -= self._inside(resource.name)
        return Done()

    def detach(self, request: DetachRequest) -> Answer:
        self.detached.append(request)
        return LOCKED if "detach" in self.resists else Done()

    def observe(self, resource: Resource) -> ResourceStatus | RefusedRead:
        self._answer("observe_resource")
        if resource.name in self.unseen:
            return RefusedRead(Refusal(RefusalReason.FORBIDDEN, "no right", "AuthorizationFailed", azure=True))
        return ResourceStatus(resource.name, resource.name in self.there)

    def contents(self, group: str) -> list[str]:
        self._answer("list_group")
        assert group == GROUP.rpartition("/")[2]
        inside = [one for one in with_implied(PLAN) if one.contained_in == "group"]
        return [*(one.id for one in inside if one.name in self.there), *self.others]

    def view(self, group: str) -> GroupView:
        return GroupView(GROUP, "ml1") if "group" in self.there else GroupView()

    def _inside(self, name: str) -> set[str]:
        inner = {resource.name for resource in with_implied(PLAN) if resource.contained_in == name}
        return {name}.union(*(self._inside(each) for each in inner))

    def _answer(self, activity: str) -> None:
        if activity in self.fails:
            raise OSError("HTTP 403")


class Rollback:
    """The rollback of an operation that created `created` beside `existing`: what was deleted, and what is left."""

    def __init__(
        self, place: Place, created: Iterable[str], existing: Iterable[str] = (), outputs: dict[str, str] | None = None
    ) -> None:
        begun = frozenset(created)
        built = {name: BuildResult(name, outputs or {} if name == "role" else {}) for name in begun}
        execution = PlanExecution(PLAN, frozenset(existing), built, begun={*begun, *existing})
        context = DurableContext(
            {
                delete_resource: place.delete,
                detach_resources: place.detach,
                observe_resource: place.observe,
                list_group: place.contents,
                read_group: place.view,
            }
        )
        tracker = ProgressTracker(context)
        self.left: list[str] = context.run(roll_back(context, execution, tracker))
        self.states = {report.name: report.state for report in tracker.reports}


def test_a_new_environment_goes_with_its_group_and_its_secret() -> None:
    place = Place(set(ALL))
    rollback = Rollback(place, ALL)
    assert sorted(place.deleted) == ["group", "password"]
    assert (rollback.left, place.there) == ([], set())
    assert rollback.states == {"roll back group": DONE, "roll back password": DONE, "verify": DONE}


def test_only_what_was_begun_is_deleted() -> None:
    place = Place({"group", "password"})
    Rollback(place, ["group"])
    assert place.deleted == ["group"]
    assert place.there == {"password"}


def test_a_group_with_foreign_resources_is_kept_and_reported_and_the_rest_is_deleted_dependents_first() -> None:
    place = Place(set(ALL), others=(FOREIGN,))
    rollback = Rollback(place, ALL)
    assert "group" not in place.deleted
    assert set(place.deleted) == {"network", "firewall", "address", "nic", "storage", "password", "vm"}
    for dependent, needed in (
        ("vm", "nic"),
        ("vm", "password"),
        ("nic", "network"),
        ("nic", "firewall"),
        ("nic", "address"),
    ):
        assert place.deleted.index(dependent) < place.deleted.index(needed)
    assert rollback.left == [GROUP]
    assert rollback.states["verify"] == REFUSED


def test_a_group_whose_contents_are_unknown_is_kept() -> None:
    place = Place(set(ALL), fails={"list_group"})
    rollback = Rollback(place, ALL)
    assert "group" not in place.deleted
    assert rollback.left == ["unknown, because the lookup failed: HTTP 403", GROUP]


def test_a_resource_that_may_not_be_read_is_deleted_and_not_taken_for_gone() -> None:
    place = Place(set(ALL), others=(FOREIGN,), unseen={"network"})
    rollback = Rollback(place, ALL)
    assert "network" in place.deleted
    network = PLAN.resource("network").id
    assert rollback.left == [f"unknown, because the control plane's identity may not read {network}", GROUP]


def test_what_existed_before_is_never_deleted() -> None:
    existing = {"group", "network", "firewall", "storage", "container", "address"}
    place = Place(set(ALL))
    rollback = Rollback(place, ALL - existing, existing, {"id": ROLE})
    assert sorted(place.deleted) == ["nic", "password", "role", "vm"]
    assert place.deleted.index("role") < place.deleted.index("vm") < place.deleted.index("nic")
    assert place.there == existing
    assert rollback.left == []


@pytest.mark.parametrize("outputs", [{"id": ROLE}, {}])
def test_a_role_assignment_is_deleted_only_if_this_operation_created_it(outputs: dict[str, str]) -> None:
    place = Place(set(ALL))
    Rollback(place, ["role"], ALL - {"role"}, outputs)
    assert place.deleted == (["role"] if outputs else [])


def test_a_part_of_an_existing_resource_is_deleted_by_itself() -> None:
    place = Place(set(ALL))
    rollback = Rollback(place, ["driver"], ALL - {"driver"})
    assert (place.deleted, rollback.left) == (["driver"], [])


def test_the_recovered_password_of_an_existing_vm_is_kept() -> None:
    place = Place(set(ALL))
    Rollback(place, ["password", "driver"], ALL - {"password", "driver"})
    assert place.deleted == ["driver"]


def test_a_network_interface_that_existed_before_is_detached_from_the_vm_first() -> None:
    existing = ALL - {"vm", "driver", "role"}
    place = Place(set(ALL))
    rollback = Rollback(place, ALL - existing, existing)
    (request,) = place.detached
    assert (request.resource.name, [kept.name for kept in request.kept]) == ("vm", ["nic"])
    assert (place.deleted, rollback.left) == (["vm"], [])
    assert existing <= place.there


def test_a_vm_that_would_take_an_existing_network_interface_along_is_kept_and_reported() -> None:
    existing = ALL - {"vm", "driver", "role"}
    place = Place(set(ALL), resists={"detach"})
    rollback = Rollback(place, ALL - existing, existing)
    assert "vm" not in place.deleted
    assert PLAN.resource("vm").id in rollback.left


def test_nothing_is_detached_from_a_vm_whose_network_interface_is_new_too() -> None:
    place = Place(set(ALL))
    Rollback(place, ALL - {"group"}, ["group"])
    assert place.detached == []


def test_what_resists_is_reported_and_the_rest_is_deleted_all_the_same() -> None:
    place = Place(set(ALL), resists={"nic", "password"})
    rollback = Rollback(place, ALL - {"group"}, ["group"])
    assert {"network", "storage"} <= set(place.deleted)
    assert sorted(rollback.left) == sorted([PLAN.resource("nic").id, SECRET])
    assert (rollback.states["roll back nic"], rollback.states["verify"]) == (REFUSED, REFUSED)


def test_without_answers_it_is_unknown_what_is_left() -> None:
    for existing in ((), ("group",)):
        rollback = Rollback(Place(set(ALL), fails={"observe_resource"}), ALL - set(existing), existing)
        assert rollback.left == ["unknown, because the lookup failed: HTTP 403"]


def test_a_deletion_that_failed_in_all_attempts_stops_no_other_one() -> None:
    class Flaky(Place):
        def delete(self, resource: Resource) -> Any:
            if resource.name == "vm":
                raise OSError("connection refused")
            return super().delete(resource)

    place = Flaky(set(ALL))
    rollback = Rollback(place, ALL - {"group"}, ["group"])
    assert rollback.states["roll back vm"] == REFUSED
    assert {"nic", "network", "storage", "password"} <= set(place.deleted)
    assert PLAN.resource("vm").id in rollback.left
