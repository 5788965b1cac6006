"""A pass stores what it finds and says what is to be deleted: what is confirmed, proven, and not in use."""

import pytest

from activities.reconcile.delete import claim_orphans
from activities.reconcile.look import MOST_DELETIONS, note_told
from dormouse.clock import HOUR
from dormouse.reconcile.findings import BETWEEN_TRIES, FindingKind, Policy, Sighting
from dormouse.reconcile.passes import OrphanDeletion, PassRequest
from dormouse.records.environments import Lock
from tests.unit.builders import ULID, environment_record
from tests.unit.reconcile.views import (
    ADDRESS,
    ENDED_BY,
    GROUP,
    NAME,
    ROOT,
    SECRET,
    assignment,
    ended,
    role,
    tags,
    vault,
)
from tests.unit.reconcile.world import (
    ALL,
    AUTHORIZATION,
    FIRST,
    FORBIDDEN,
    GROUPS,
    PERMISSIONS,
    SECOND,
    VAULTS,
    World,
    assignment_body,
    role_body,
)


@pytest.fixture
def world() -> World:
    return World()


def test_two_passes_find_what_is_deleted_and_a_repeated_one_counts_once(world: World) -> None:
    first = world.look(FIRST)
    assert (first.deletions, first.digest, first.counts, first.problems) == ({}, "", {"resource": 2}, ())
    world.look(FIRST)
    assert {one.seen for one in world.findings().values()} == {1}
    second = world.look(SECOND)
    again = world.look(SECOND)
    assert [one.id for one in second.deletions[NAME]] == [GROUP, ADDRESS]
    assert second == again
    assert {(one.seen, one.first_seen) for one in world.findings().values()} == {(2, FIRST)}
    assert "2 new" in second.digest
    assert world.call(note_told, PassRequest(began=SECOND)) == 2
    third = world.look(SECOND + HOUR)
    assert (third.digest, [*third.deletions]) == ("", [NAME])


def test_a_pass_asks_once_for_each_kind_of_thing(world: World) -> None:
    world.look(FIRST)
    asked = [one for one in world.azure.asked if "secrets" not in one]
    assert len(asked) == len(set(asked)) + 2, "three queries of Resource Graph"
    assert f"GET {GROUPS}" not in asked, "no environment lacks its group"


def test_the_policy_report_deletes_nothing(world: World) -> None:
    world.policy = Policy.REPORT
    world.look(FIRST)
    second = world.look(SECOND)
    assert (second.deletions, "2 new" in second.digest) == ({}, True)


def test_one_orphan_without_proof_keeps_all_of_its_environment(world: World) -> None:
    unknown = f"{GROUP}/providers/Microsoft.Network/publicIPAddresses/theirs"
    world.azure.rows["tags"].append({"id": unknown, "tags": tags(), "resourceGuid": "9"})
    world.look(FIRST)
    assert world.look(SECOND).deletions == {}
    world.azure.rows["tags"].pop()
    assert world.look(SECOND + 1.0).deletions.keys() == {NAME}


def test_a_new_orphan_keeps_the_confirmed_ones_of_its_environment(world: World) -> None:
    row = world.azure.rows["tags"].pop()
    world.look(FIRST)
    world.azure.rows["tags"].append(row)
    assert world.look(SECOND).deletions == {}


def test_a_lock_keeps_everything_even_one_that_cannot_be_read(world: World) -> None:
    request = world.confirmed()
    world.do(world.records.take_lock(NAME, Lock(f"{NAME}-provision-{ULID}", SECOND)))
    assert world.look(SECOND + 1.0).deletions == {}
    assert world.call(claim_orphans, request) is False
    world.tables.put("locks", NAME, '{"of": "a newer release"}')
    assert world.call(claim_orphans, request) is False
    assert world.do(world.records.operation(ENDED_BY)) is None


def test_another_control_plane_with_the_same_deployment_id_keeps_everything(world: World) -> None:
    world.azure.rows["sites"] = [{"id": "/other", "name": "other", "state": "Running"}]
    world.look(FIRST)
    second = world.look(SECOND)
    assert second.deletions == {}
    assert second.problems[-1].startswith("Nothing is deleted")
    world.azure.rows["sites"], world.azure.away = [], {"sites"}
    assert "not known whether" in world.look(SECOND + 1.0).problems[-1]


def test_where_something_may_be_hidden_nothing_is_deleted_and_nothing_is_over(world: World) -> None:
    world.look(FIRST)
    world.azure.shows[PERMISSIONS.lower()] = {"value": [{"actions": ["Microsoft.Resources/*"], "notActions": []}]}
    world.azure.rows["tags"] = []
    hidden = world.look(SECOND)
    assert hidden.deletions == {}
    assert world.findings().keys() == {ADDRESS, GROUP}
    world.azure.shows[PERMISSIONS.lower()] = ALL
    world.look(SECOND + 1.0)
    assert world.findings().keys() == {GROUP}


@pytest.mark.parametrize("away", ["tags", "resourcecontainers"])
def test_findings_of_what_cannot_be_read_stay_as_they_were_and_are_not_acted_on(world: World, away: str) -> None:
    world.look(FIRST)
    world.look(SECOND)
    before = world.findings()
    world.azure.away = {away}
    blind = world.look(SECOND + HOUR)
    assert world.findings().keys() == before.keys()
    assert blind.deletions == {}
    assert any("could not be read" in one for one in blind.problems)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/secrets", FindingKind.SECRET),
        (f"{AUTHORIZATION}/roleAssignments", FindingKind.ROLE_ASSIGNMENT),
        (f"{AUTHORIZATION}/roleDefinitions", FindingKind.CUSTOM_ROLE),
        (VAULTS, FindingKind.SOFT_DELETED),
    ],
)
def test_every_list_is_read_and_one_that_fails_does_not_stop_the_others(world: World, path: str, kind: FindingKind) -> None:
    gone, made = assignment(), role()
    world.azure.shows |= {
        "/secrets": {"value": [{"id": f"https://v.vault.azure.net/secrets/{SECRET}", "tags": tags()}]},
        f"{AUTHORIZATION}/roleAssignments".lower(): {"value": [assignment_body(gone.id, gone.scope)]},
        f"{AUTHORIZATION}/roleDefinitions".lower(): {"value": [role_body(made.id)]},
        VAULTS.lower(): {"value": [{"properties": vault()}]},
    }
    world.look(FIRST)
    kinds = {one.sighting.kind for one in world.findings().values()}
    assert kinds == {
        *(FindingKind.RESOURCE, FindingKind.SECRET, FindingKind.ROLE_ASSIGNMENT),
        *(FindingKind.CUSTOM_ROLE, FindingKind.SOFT_DELETED),
    }
    world.azure.answers[f"GET {path}".lower()] = FORBIDDEN
    world.azure.rows["tags"] = world.azure.rows["resourcecontainers"] = []
    blind = world.look(SECOND)
    stays = {one.sighting.kind: one.seen for one in world.findings().values()}
    assert stays == {each: 1 if each is kind else 2 for each in kinds - {FindingKind.RESOURCE}}
    assert len(blind.problems) == 1


def test_an_environment_is_missing_only_if_resource_manager_does_not_list_its_group_either(world: World) -> None:
    world.do(world.records.remember_environment(environment_record("hand1")))
    world.azure.shows[GROUPS.lower()] = {"value": [{"id": f"{ROOT}hand1"}]}
    world.look(FIRST)
    assert "hand1" not in world.findings()
    world.azure.shows[GROUPS.lower()] = {"value": [{"id": f"{ROOT}other1"}]}
    world.look(FIRST)
    assert "hand1" in world.findings()
    world.azure.answers[f"GET {GROUPS}".lower()] = FORBIDDEN
    problem = world.look(SECOND).problems[0]
    assert problem.startswith("Resource groups could not be read")
    assert world.findings()["hand1"].last_seen == FIRST, "it stays as it was"


def test_stale_locks_are_findings_unless_they_could_not_be_read(world: World) -> None:
    lock = Sighting(FindingKind.LOCK, "ghost1", "ghost1", "no operation")
    world.look(FIRST, locks=(lock,))
    world.look(SECOND, locks_unread="Locks could not be read")
    assert world.findings()["ghost1"].seen == 1
    world.look(SECOND + 1.0)
    assert "ghost1" not in world.findings()


def test_one_pass_deletes_the_orphans_of_so_many_environments_at_most(world: World) -> None:
    names = [f"many{number:02}" for number in range(MOST_DELETIONS + 2)]
    world.azure.rows["tags"] = world.azure.rows["resourcecontainers"] = []
    for name in names:
        world.do(world.reconciled.remember_former(ended(name)))
        world.azure.rows["tags"].append({"id": f"{ROOT}{name}", "tags": tags(name)})
    world.look(FIRST)
    begun = world.look(SECOND).deletions
    assert [*begun] == names[:MOST_DELETIONS]
    for name, orphans in begun.items():
        assert world.call(claim_orphans, OrphanDeletion(f"{name}-delete-{ULID}", name, orphans, SECOND))
        world.do(world.records.release_lock(name, f"{name}-delete-{ULID}"))
    assert [*world.look(SECOND + HOUR).deletions] == names[MOST_DELETIONS:], "the others follow"
    assert len(world.look(SECOND + BETWEEN_TRIES).deletions) == MOST_DELETIONS
