"""A deletion claims its environment, and reads everything again before each single resource goes."""

from dataclasses import replace
from typing import Any

import pytest

from activities.reconcile.delete import claim_orphans, delete_orphan
from activities.reconcile.reading import seen_in
from dormouse.environments.answers import Done, Refused
from dormouse.reconcile.findings import FindingKind, Policy, Sighting
from dormouse.reconcile.orphans import DERIVED
from dormouse.reconcile.passes import OrphanDeletion, OrphanStep
from dormouse.resources.plan import Resource
from tests.unit.builders import ULID, environment_record
from tests.unit.reconcile.views import (
    ADDRESS,
    ENDED_BY,
    GHOST,
    GROUP,
    NAME,
    OTHER,
    SECRET,
    assignment,
    developer_role,
    ended,
    granted,
    tags,
)
from tests.unit.reconcile.world import (
    ALL,
    AUTHORIZATION,
    BODY,
    CONTENTS,
    PERMISSIONS,
    SECOND,
    World,
    assignment_body,
    role_body,
)


@pytest.fixture
def world() -> World:
    return World()


def test_a_claim_takes_the_lock_and_is_on_record_and_may_be_repeated(world: World) -> None:
    request = world.confirmed()
    assert world.call(claim_orphans, request) is True
    assert world.call(claim_orphans, request) is True
    operation = world.do(world.records.operation(ENDED_BY))
    assert (operation.channel, operation.by.startswith("reconcile")) == ("reconcile", True)
    assert {(one.tried_at, one.operation) for one in world.findings().values()} == {(SECOND, ENDED_BY)}
    assert world.call(claim_orphans, replace(request, operation=f"{NAME}-delete-{ULID[:-1]}1")) is False


def test_what_is_as_it_was_found_is_deleted(world: World) -> None:
    request = world.confirmed()
    assert world.check(request) == ({ADDRESS, GROUP}, "")
    del world.azure.shows[ADDRESS.lower()]
    assert world.check(request) == ({GROUP}, ""), "what is gone needs no deletion"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tags": {}}, "does not have the tags"),
        ({"tags": tags("other1")}, "does not have the tags"),
        ({"tags": tags(deployment="staging")}, "does not have the tags"),
        ({"properties": {"resourceGuid": "2"}}, "was made again"),
    ],
)
def test_a_changed_resource_keeps_everything(world: World, changed: dict[str, Any], said: str) -> None:
    request = world.confirmed()
    world.azure.shows[ADDRESS.lower()] = BODY | changed
    deleted, why = world.check(request)
    assert (deleted, said in why) == (set(), True)


def test_a_recheck_needs_the_policy_the_records_and_sight(world: World) -> None:
    request = world.confirmed()
    world.policy = Policy.REPORT
    assert "RECONCILE" in world.check(request)[1]
    world.policy = Policy.DELETE
    world.azure.shows[PERMISSIONS.lower()] = {"value": [{"actions": ["Microsoft.Resources/*"], "notActions": []}]}
    assert "may hide" in world.check(request)[1]
    world.azure.shows[PERMISSIONS.lower()] = ALL
    world.tables.put("reconcile", f"{NAME}:{ULID[:-1]}9", '{"of": "a newer release"}', partition="former")
    assert "cannot be read" in world.check(request)[1] or "reconcile" in world.check(request)[1]
    world.do(world.reconciled.remember_former(replace(ended(), operation=f"{NAME}-delete-{ULID[:-1]}9")))
    assert world.check(request)[1] == ""
    world.do(world.records.remember_environment(environment_record(NAME, resources=())))
    assert "on record again" in world.check(request)[1]
    world.tables.put("environments", NAME, '{"of": "a newer release"}')
    assert world.check(request)[1]


def test_roles_go_only_if_the_control_plane_made_them_and_they_are_the_ones_that_were_found(world: World) -> None:
    access = granted()
    world.do(world.reconciled.remember_former(ended(NAME, access)))
    world.azure.rows["tags"] = world.azure.rows["resourcecontainers"] = []
    world.azure.shows[f"{AUTHORIZATION}/roleAssignments".lower()] = {
        "value": [assignment_body(access.id, access.settings["scope"])]
    }
    request = world.confirmed()
    assert [one.id for one in request.orphans] == [access.id]
    changes: tuple[tuple[dict[str, str], set[str]], ...] = (
        ({}, {access.id}),
        ({"createdBy": OTHER}, set()),
        ({"createdOn": "2027-01-01"}, set()),
        ({"principalId": OTHER}, set()),
    )
    for changed, deleted in changes:
        world.azure.shows[access.id.lower()] = assignment_body(access.id, access.settings["scope"], **changed)
        assert world.check(request)[0] == deleted
    world.azure.shows[access.id.lower()] = assignment_body(access.id, access.settings["scope"])
    assert world.check(replace(request, orphans=(replace(request.orphans[0], id="other"),)))[0] == set(), "it was not found"


def test_assignments_to_identities_go_only_while_those_are_gone(world: World) -> None:
    gone = assignment()
    resource = Resource("x", "role_assignment", gone.id)
    orphan = Sighting(FindingKind.ROLE_ASSIGNMENT, gone.id, "alive1", "", DERIVED, gone.unique, resource=resource)
    request = OrphanDeletion(f"alive1-delete-{ULID}", "alive1", (orphan,), SECOND)
    world.do(world.records.remember_environment(environment_record("alive1")))
    assert world.check(request) == (set(), ""), "it does not exist"
    world.azure.shows[gone.id.lower()] = assignment_body(gone.id, gone.scope)
    assert world.check(request) == ({gone.id}, "")
    world.azure.rows["identity"] = [{"id": "/vm", "of": GHOST, "own": ""}]
    assert "an identity that exists" in world.check(request)[1]
    world.azure.rows["identity"] = [{"id": "/identity", "of": "", "own": GHOST}]
    assert "an identity that exists" in world.check(request)[1]
    world.azure.rows["identity"] = []
    for changed in ({"createdBy": OTHER}, {"createdOn": "2027-01-01"}, {"principalId": "another"}):
        world.azure.shows[gone.id.lower()] = assignment_body(gone.id, gone.scope, **changed)
        assert "not the one that was found" in world.check(request)[1]


def group_step(request: OrphanDeletion) -> OrphanStep:
    (resource,) = [one.resource for one in request.orphans if one.id == GROUP]
    assert resource is not None
    return OrphanStep(request, resource)


def test_each_deletion_checks_again_and_a_group_goes_only_if_nothing_else_is_in_it(world: World) -> None:
    request = world.confirmed()
    step = group_step(request)
    stranger = {**BODY, "id": f"{GROUP}/providers/Microsoft.Compute/disks/theirs", "tags": {}}
    world.azure.shows[CONTENTS.lower()] = {"value": [BODY, stranger]}
    refused = world.call(delete_orphan, step)
    assert isinstance(refused, Refused)
    assert "disks/theirs" in refused.refusal.detail
    world.azure.shows[CONTENTS.lower()] = {"value": [BODY]}
    world.azure.shows[ADDRESS.lower()] = BODY | {"tags": {}}
    assert isinstance(world.call(delete_orphan, step), Refused)
    assert not [one for one in world.azure.asked if one.startswith("DELETE")]
    world.azure.shows[ADDRESS.lower()] = BODY
    assert isinstance(world.call(delete_orphan, step), Done)
    assert [one for one in world.azure.asked if one.startswith("DELETE")] == [f"DELETE {GROUP.replace('Groups', 'groups')}"]
    del world.azure.shows[GROUP.lower()]
    assert world.call(delete_orphan, step) == Done(), "it is gone already"
    assert len([one for one in world.azure.asked if one.startswith("DELETE")]) == 1


def test_moments_are_compared_as_such_because_two_services_write_them_in_their_own_ways() -> None:
    written = ("2026-05-01T12:00:00.1234567Z", "2026-05-01T12:00:00.123+00:00", "2026-05-01T14:00:00.123+02:00")
    assert len({seen_in({"id": ADDRESS, "properties": {"creationTime": one}}).unique for one in written}) == 1
    assert seen_in({"id": ADDRESS, "creationTime": written[0]}).unique == "2026-05-01T12:00:00Z"
    assert seen_in({"id": ADDRESS, "creationTime": "2026-05-01T12:00:01Z"}).unique != "2026-05-01T12:00:00Z"
    assert seen_in({"id": ADDRESS, "vmId": "T:x"}).unique == "T:x"


def test_custom_roles_go_as_assignments_do(world: World) -> None:
    made = developer_role()
    world.do(world.reconciled.remember_former(ended(NAME, made)))
    world.azure.rows["tags"] = world.azure.rows["resourcecontainers"] = []
    world.azure.shows[f"{AUTHORIZATION}/roleDefinitions".lower()] = {"value": [role_body(made.id)]}
    request = world.confirmed()
    changes: tuple[tuple[dict[str, str], set[str]], ...] = (
        ({}, {made.id}),
        ({"createdBy": OTHER}, set()),
        ({"createdOn": "2027-01-01"}, set()),
    )
    for changed, deleted in changes:
        world.azure.shows[made.id.lower()] = role_body(made.id, **changed)
        assert world.check(request)[0] == deleted
    world.tables.put("environments", "odd1", '{"of": "a newer release"}')
    world.azure.shows[made.id.lower()] = role_body(made.id)
    assert "odd1" in world.check(request)[1], "its record may name the role"


def test_secrets_go_by_their_names_while_their_tags_name_the_environment(world: World) -> None:
    world.azure.rows["tags"] = world.azure.rows["resourcecontainers"] = []
    del world.azure.shows[ADDRESS.lower()], world.azure.shows[GROUP.lower()]
    where = f"https://v.vault.azure.net/secrets/{SECRET}"
    world.azure.shows["/secrets"] = {"value": [{"id": where, "tags": tags()}]}
    request = world.confirmed()
    world.azure.shows[f"/secrets/{SECRET}"] = {"id": f"{where}/1", "value": "hidden", "tags": tags()}
    assert world.check(request) == ({f"secrets/{SECRET}"}, "")
    world.azure.shows[f"/secrets/{SECRET}"] = {"id": f"{where}/1", "value": "hidden", "tags": tags("other1")}
    assert "does not have the tags" in world.check(request)[1]
