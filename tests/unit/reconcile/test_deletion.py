"""Right before a deletion, one thing that is not as it was found keeps everything of the environment."""

from dataclasses import replace

import pytest

from dormouse.reconcile.azure_view import SeenResource
from dormouse.reconcile.deletion import (
    NEW,
    NOT_OURS,
    OTHER,
    in_order,
    is_role,
    is_tagged,
    objection_to,
    objection_to_records,
)
from dormouse.reconcile.findings import FindingKind, Sighting
from dormouse.reconcile.orphans import DERIVED
from dormouse.reconcile.passes import OrphanDeletion
from dormouse.resources.plan import KEPT, Resource
from dormouse.resources.platform.existing_accounts import existing_account
from tests.unit.builders import environment_record
from tests.unit.reconcile.views import ADDRESS, DISK, ENDED_BY, NAME, SECRET, developer_role, ended, granted, kept

RESOURCES = list(ended().resources)
(ITS_ADDRESS,) = [one for one in RESOURCES if one.id == ADDRESS]
FOUND = Sighting(FindingKind.RESOURCE, ADDRESS, NAME, "", "proof", "1", resource=ITS_ADDRESS)
UNREADABLE = {"odd1": "The row odd1 cannot be read"}


def objection(*, named: bool = True, unique: str = "1", confirmed: bool = True, tags: dict[str, str] | None = None) -> str:
    shown = SeenResource(ADDRESS, {"dormouse": NAME} if tags is None else tags, unique)
    return objection_to(ITS_ADDRESS, shown, named, {ADDRESS.lower(): FOUND} if confirmed else {}, RESOURCES)


def test_what_is_as_it_was_found_may_go() -> None:
    assert objection() == ""


def test_what_has_changed_keeps_everything() -> None:
    assert objection(named=False) == NOT_OURS.format(id=ADDRESS)
    assert objection(unique="2") == OTHER.format(id=ADDRESS)
    assert objection(confirmed=False) == NEW.format(id=ADDRESS)
    assert objection(confirmed=False, named=False, tags={}) == NOT_OURS.format(id=ADDRESS), (
        "only what Azure implies has none"
    )


def test_what_azure_makes_along_with_another_may_have_no_tags() -> None:
    cluster = Resource("cluster", "managed_cluster", f"{ADDRESS}/../cluster")
    plan = environment_record(NAME).resources
    implied = [one for one in plan if one.kind == "disk"]
    assert implied, "the disk of a VM is made along with it"
    shown = SeenResource(DISK, {})
    assert objection_to(implied[0], shown, False, {}, plan) == ""
    assert objection_to(implied[0], shown, False, {}, [cluster]) != ""
    tagged = SeenResource(DISK, {"theirs": "yes"})
    assert objection_to(implied[0], tagged, False, {}, plan) == NOT_OURS.format(id=DISK)


def test_resources_of_all_records_of_a_name_are_in_the_order_of_their_needs_without_those_kept() -> None:
    ordered = in_order([ended()])
    assert [one.name for one in ordered] == [one.name for one in RESOURCES if one.id]
    assert DISK not in {one.id for one in in_order([kept()])}


def test_a_name_that_two_records_share_stays_with_the_newest() -> None:
    older = ended(NAME, replace(ITS_ADDRESS, id=f"{ADDRESS}-old"), at=0.0)
    names = {one.id: one.name for one in in_order([ended(), older])}
    assert (names[ADDRESS], names[f"{ADDRESS}-old"]) == ("address", f"{ADDRESS}-old")
    newest = in_order([ended(), ended(NAME, replace(ITS_ADDRESS, settings={"of": "the newest"}), at=2.0)])
    assert [one.settings for one in newest if one.id == ADDRESS] == [{"of": "the newest"}]
    later_kept = replace(ITS_ADDRESS, settings=KEPT)
    assert ADDRESS not in {one.id for one in in_order([ended(), ended(NAME, later_kept, at=2.0)])}


def test_kinds_are_told_apart() -> None:
    kinds = {one.name: (is_tagged(one), is_role(one)) for one in RESOURCES}
    assert {name for name, (tagged, _) in kinds.items() if tagged} == {
        *("group", "network", "firewall", "address", "storage", "nic", "vm-disk", "vm")
    }
    assert {name for name, (_, role) in kinds.items() if role} == {"role"}
    assert (is_tagged(developer_role()), is_role(developer_role())) == (False, True)
    assert not is_tagged(existing_account("data", ADDRESS))


def deletion(**fields: object) -> OrphanDeletion:
    return OrphanDeletion(ENDED_BY, NAME, (replace(FOUND, **fields),))  # type: ignore[arg-type]


def test_environments_on_record_keep_what_they_have() -> None:
    alive = environment_record("alive1")
    assert objection_to_records(deletion(), [alive], {}) == ""
    taken = replace(alive, resources=(replace(ITS_ADDRESS, id=ADDRESS.upper()),))
    assert ADDRESS in objection_to_records(deletion(), [taken], {})
    assert ADDRESS in objection_to_records(deletion(proof=DERIVED), [taken], {})
    again = replace(environment_record(NAME), resources=())
    assert "on record again" in objection_to_records(deletion(), [again], {})
    role = deletion(kind=FindingKind.ROLE_ASSIGNMENT, id=granted().id, proof=DERIVED)
    assert objection_to_records(role, [again], {}) == "", "its identity is gone, the environment is not"


@pytest.mark.parametrize("kind", [FindingKind.ROLE_ASSIGNMENT, FindingKind.CUSTOM_ROLE])
def test_a_record_that_cannot_be_read_keeps_what_it_may_have(kind: FindingKind) -> None:
    own = {NAME: f"The row {NAME} cannot be read"}
    assert objection_to_records(deletion(), [], own) == f"The row {NAME} cannot be read."
    assert objection_to_records(deletion(proof=DERIVED), [], own) != ""
    assert objection_to_records(deletion(), [], UNREADABLE) == "", "its tags name another environment"
    assert objection_to_records(deletion(kind=kind), [], UNREADABLE) == "The row odd1 cannot be read."
    assert objection_to_records(deletion(kind=kind, proof=DERIVED), [], UNREADABLE) == "", "its identity is gone"


def test_secrets_are_looked_up_by_name() -> None:
    assert f"secrets/{SECRET}" in {one.id for one in in_order([ended()])}
