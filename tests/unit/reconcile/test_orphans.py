"""An orphan names an environment of this deployment that has no record; only a record proves whose it was."""

from dataclasses import replace

import pytest

from dormouse.reconcile.azure_view import AzureView, Recorded
from dormouse.reconcile.findings import FindingKind, Sighting
from dormouse.reconcile.orphans import DERIVED, FormerResources, environment_in, orphans_in
from dormouse.resources.identity import ASSIGNMENTS
from tests.unit.builders import environment_record
from tests.unit.reconcile.views import (
    ADDRESS,
    DISK,
    ENDED_BY,
    GHOST,
    GROUP,
    NAME,
    OTHER,
    OWN,
    ROOT,
    SECRET,
    assignment,
    developer_role,
    ended,
    granted,
    kept,
    recorded,
    role,
    seen,
    tags,
    vault,
    view,
)

PAST = [ended()]


def found(shown: AzureView, known: Recorded) -> list[Sighting]:
    return orphans_in(shown, known)


def only(shown: AzureView, known: Recorded) -> Sighting:
    (one,) = found(shown, known)
    return one


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (tags(), NAME),
        ({name.upper(): value for name, value in tags().items()}, NAME),
        ({"dormouse": NAME}, ""),
        ({"dormouse-deployment": "main"}, ""),
        (tags(deployment="staging"), ""),
        (tags("not a name"), ""),
        ({}, ""),
    ],
)
def test_tags_name_an_environment_of_this_deployment_or_none(given: dict[str, str], named: str) -> None:
    assert environment_in(given, "main") == named


def test_a_resource_without_a_record_is_an_orphan_and_a_former_record_proves_it() -> None:
    proven = only(view(resources=[seen()]), recorded(former=PAST))
    assert (proven.kind, proven.id, proven.environment, proven.unique) == (FindingKind.RESOURCE, ADDRESS, NAME, "1")
    assert ENDED_BY in proven.proof
    assert proven.resource is not None
    assert proven.resource.id == ADDRESS
    tagged = only(view(resources=[seen()]), recorded())
    assert (tagged.proof, tagged.resource) == ("", None)


def test_a_former_record_of_another_environment_proves_nothing() -> None:
    other = replace(PAST[0], name="other1")
    assert only(view(resources=[seen()]), recorded(former=[other])).proof == ""
    newer = replace(other, at=2.0)
    assert only(view(resources=[seen()]), recorded(former=[newer, *PAST])).proof == "", "the newest record counts"
    assert only(view(resources=[seen()]), recorded(former=[replace(other, at=0.5), *PAST])).proof


@pytest.mark.parametrize("given", [{"made-by": "hand"}, tags(deployment="staging"), {"dormouse": NAME}])
def test_untagged_resources_and_those_of_other_deployments_are_none_of_our_business(given: dict[str, str]) -> None:
    assert found(view(resources=[seen(**given)]), recorded(former=PAST)) == []


def test_what_is_on_record_is_no_orphan_even_if_the_record_cannot_be_read_or_the_tags_lie() -> None:
    shown = view(resources=[seen()])
    assert found(shown, recorded(NAME, former=PAST)) == []
    unreadable = Recorded((), frozenset({NAME}), PAST)
    assert found(shown, unreadable) == []
    address = f"{ROOT}alive1/providers/Microsoft.Network/publicIPAddresses/PIP-alive1"
    assert found(view(resources=[seen(address)]), recorded("alive1")) == [], "its tags name an environment without a record"


def test_what_a_spec_has_kept_is_no_orphan_nor_is_its_group_while_it_exists() -> None:
    shown = [seen(DISK), seen(GROUP), seen()]
    sightings = found(view(resources=shown), recorded(former=[kept()]))
    assert [one.id for one in sightings] == [ADDRESS]
    sightings = found(view(resources=shown[1:]), recorded(former=[kept()]))
    assert {one.id for one in sightings} == {GROUP, ADDRESS}, "the disk is gone"


def test_secrets_are_orphans_by_their_tags_and_proven_by_their_names() -> None:
    shown = view(secrets={SECRET: tags(), "theirs": {}, "staging": tags(deployment="staging")})
    one = only(shown, recorded(former=PAST))
    assert (one.kind, one.id, bool(one.proof)) == (FindingKind.SECRET, f"secrets/{SECRET}", True)
    assert only(shown, recorded()).proof == ""
    assert found(shown, Recorded((), frozenset({NAME}))) == [], "its record cannot be read"
    alive = environment_record(NAME)
    assert found(shown, Recorded([replace(alive, name="other1")], frozenset({"other1"}))) == [], "another one has it"


def test_an_assignment_of_an_environment_that_has_ended_is_proven_by_its_record() -> None:
    past = [ended(NAME, granted())]
    shown = assignment(id=granted().id, principal=OTHER)
    one = only(view(assignments=[shown]), recorded(former=past))
    assert (one.environment, one.unique, ENDED_BY in one.proof) == (NAME, f"{OTHER} 2026-05-01", True)
    assert found(view(assignments=[replace(shown, created_by=OTHER)]), recorded(former=past)) == []
    assert found(view(assignments=[shown], own_principal=""), recorded(former=past)) == []
    assert found(view(assignments=[shown]), recorded(NAME, former=past)) == []
    alive = replace(environment_record("alive1"), resources=(granted(),))
    assert found(view(assignments=[shown]), Recorded([alive], frozenset({"alive1"}), past)) == [], "another one has it"


def test_an_assignment_to_an_identity_that_is_gone_is_proven_by_its_name_and_its_creator() -> None:
    one = only(view(assignments=[assignment()]), recorded("alive1"))
    assert (one.environment, one.proof, one.unique) == ("alive1", DERIVED, f"{GHOST} 2026-05-01")
    assert one.resource is not None
    assert one.resource.id == one.id
    subscription = assignment(scope=f"/subscriptions/{'0' * 8}")
    assert only(view(assignments=[subscription]), recorded()).environment == ""


@pytest.mark.parametrize(
    "other",
    [
        assignment(principal=OTHER),
        assignment(principal=OWN),
        assignment(principal_type="User"),
        assignment(created_by=OTHER),
        assignment(id=f"{ROOT}alive1/providers/{ASSIGNMENTS}/by-hand"),
    ],
    ids=["exists", "itself", "person", "theirs", "named by hand"],
)
def test_other_assignments_stay(other: object) -> None:
    assert found(view(assignments=[other]), recorded("alive1")) == []


def test_no_identity_is_said_to_be_gone_where_azure_may_hide_it() -> None:
    shown = [assignment()]
    assert found(view(assignments=shown, hidden="it may"), recorded()) == []
    assert found(view(assignments=shown, identities=None), recorded()) == []


def test_custom_roles_name_deployment_and_environment_and_were_made_by_the_control_plane() -> None:
    past = [ended(NAME, developer_role())]
    one = only(view(roles=[role()]), recorded(former=past))
    assert (one.kind, one.environment, one.unique, bool(one.proof)) == (FindingKind.CUSTOM_ROLE, NAME, "2026-05-01", True)
    assert only(view(roles=[role()]), recorded()).proof == ""
    assert found(view(roles=[role()]), recorded(NAME)) == []
    assert found(view(roles=[role(created_by=OTHER)]), recorded(former=past)) == []
    assert found(view(roles=[role(created_by="")], own_principal=""), recorded(former=past)) == [], "it is not known"
    staging = role(title=role().title.replace("(", "(staging, "))
    assert found(view(roles=[staging]), recorded(former=past)) == []
    assert found(view(roles=[role(title="Dormouse sweep (main)")]), recorded(former=past)) == []
    alive = replace(environment_record("alive1"), resources=(developer_role(),))
    assert found(view(roles=[role()]), Recorded([alive], frozenset({"alive1"}), past)) == []


def test_a_deleted_vault_that_reserves_a_name_is_reported_and_never_deletable() -> None:
    one = only(view(deleted_vaults=[vault()]), recorded())
    assert (one.kind, one.environment, one.proof, one.resource) == (FindingKind.SOFT_DELETED, NAME, "", None)
    assert "soon" in one.why
    assert found(view(deleted_vaults=[vault()]), recorded(NAME)) == []
    staging, theirs = f"{ROOT}staging--{NAME}", f"{ROOT.replace('rg-dormouse-', '')}theirs"
    assert found(view(deleted_vaults=[vault(staging), vault(theirs)]), recorded()) == []


def test_what_could_not_be_read_has_no_orphans() -> None:
    nothing = view(resources=None, groups=None, secrets=None, assignments=None, roles=None, deleted_vaults=None)
    assert found(nothing, recorded(former=PAST)) == []


def test_each_orphan_is_found_once_whatever_the_case_of_its_id() -> None:
    assert len(found(view(resources=[seen(), seen(ADDRESS.upper())]), recorded(former=PAST))) == 1
    assert FormerResources(PAST).of(ADDRESS.upper()) is not None
