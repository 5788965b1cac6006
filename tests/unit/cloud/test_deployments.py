"""Other deployments are recognized by their roles and apps; what cannot be read is not taken for "none"."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from dormouse.cloud.clients import Cloud
from dormouse.cloud.deployments import FRESH, RETRY
from dormouse.errors import CloudUnavailable
from dormouse.idle.responsibility import Neighbours, Unassigned
from dormouse.settings import Settings
from tests.infra.bicep import read
from tests.infra.test_bicep import INFRA
from tests.unit.azure import Azure, cloud_over
from tests.unit.twins import SETTINGS

HOME, OTHER = SETTINGS.azure_subscription_id, "0d0e5e00-0000-4000-8000-000000000002"
ROLES = "/subscriptions/{}/providers/Microsoft.Authorization/roleDefinitions"
GRAPH = "POST /providers/Microsoft.ResourceGraph/resources"
NOT_ALLOWED = {"error": {"code": "AuthorizationFailed", "message": "The client may not read role definitions."}}
PROD = replace(SETTINGS, deployment_id="prod", website_site_name="DM-mine-prod")


def roles(*names: str) -> dict[str, Any]:
    return {"value": [{"properties": {"roleName": name}} for name in names]}


def app(name: str, state: str = "Running") -> dict[str, str]:
    return {"id": f"/apps/{name}", "name": name, "state": state}


class Clocked(Cloud):
    """A cloud whose time a test sets."""

    moment = 0.0

    def now(self) -> float:
        return self.moment


def clouded(azure: Azure, settings: Settings) -> Clocked:
    cloud, plain = Clocked(settings, cloud_over(azure).clock), cloud_over(azure)
    cloud.transport, cloud.credential = plain.transport, plain.credential
    return cloud


def an_azure(home: Any, other: Any = None, apps: list[dict[str, str]] | None = None) -> Azure:
    shown = {"totalRecords": 0, "count": 0, "data": apps or [], "facets": [], "resultTruncated": "false"}
    return Azure({ROLES.format(HOME): home, ROLES.format(OTHER): other or roles()}, {GRAPH: (200, shown, {})})


def neighbours(azure: Azure, settings: Settings = PROD) -> Neighbours:
    return asyncio.run(clouded(azure, settings).deployments.neighbours())


def test_another_deployment_is_recognized_by_its_role_in_the_subscription() -> None:
    named = roles("Dormouse sweep (prod)", "Dormouse sweep (test)", "Dormouse provision (int)", "Not Dormouse sweep (x1)")
    found = neighbours(an_azure(named))
    assert list(found.shared) == [HOME]
    assert "Other deployments of Dormouse (test) watch its subscription too" in found.shared[HOME]
    assert "UNASSIGNED_MACHINES=always" in found.shared[HOME]
    assert neighbours(an_azure(roles("Dormouse sweep (prod)"))) == Neighbours()


@pytest.mark.parametrize("subscription", [HOME, ""])
def test_the_role_is_named_as_the_deployment_names_it(subscription: str) -> None:
    role = read(INFRA / "modules" / "rights.bicep").of("resource")["sweepRole"].value["properties"]["roleName"].text
    known = {"deploymentId": "test", "subscription().subscriptionId": subscription}
    for name, value in known.items():
        role = role.replace(f"${{{name}}}", value)
    found = neighbours(an_azure(roles(role.strip("' "))))
    assert "(test)" in found.shared[HOME]


def test_every_watched_subscription_is_asked_about_once() -> None:
    azure = an_azure(roles(), roles("Dormouse sweep (test)", "Dormouse sweep (int)"))
    scopes = (f"/subscriptions/{OTHER}/resourcegroups/a", f"/subscriptions/{OTHER}/resourcegroups/b")
    found = neighbours(azure, replace(PROD, idle_scopes=scopes))
    assert list(found.shared) == [OTHER]
    assert "(int, test)" in found.shared[OTHER]
    assert len(azure.asked) == 3


@pytest.mark.parametrize("unassigned", [Unassigned.ALWAYS, Unassigned.NEVER])
def test_nothing_is_asked_about_roles_where_the_settings_decide(unassigned: Unassigned) -> None:
    azure = an_azure(roles("Dormouse sweep (test)"))
    assert neighbours(azure, replace(PROD, unassigned_machines=unassigned)) == Neighbours()
    assert azure.asked == [GRAPH]


def test_roles_that_cannot_be_read_make_the_subscription_uncertain() -> None:
    azure = an_azure(roles())
    azure.answers[f"get {ROLES.format(HOME)}".lower()] = (403, NOT_ALLOWED, {})
    cloud = clouded(azure, PROD)
    found = asyncio.run(cloud.deployments.neighbours())
    assert found.shared[HOME].startswith("It is not known whether another deployment of Dormouse watches its subscription (")
    azure.answers.pop(f"get {ROLES.format(HOME)}".lower())
    assert asyncio.run(cloud.deployments.neighbours()) == found
    cloud.moment = RETRY
    assert asyncio.run(cloud.deployments.neighbours()) == Neighbours()


def test_another_app_with_the_same_deployment_id_is_named_unless_it_is_stopped() -> None:
    own = app("dm-MINE-prod")
    assert neighbours(an_azure(roles(), apps=[own, app("dm-old-prod", "Stopped")])).twins == ""
    twins = neighbours(an_azure(roles(), apps=[own, app("dm-other-prod")])).twins
    assert "Another control plane has the deployment ID prod (/apps/dm-other-prod)" in twins
    on_a_laptop = replace(PROD, website_site_name="")
    assert "(/apps/dm-MINE-prod)" in neighbours(an_azure(roles(), apps=[own]), on_a_laptop).twins


def test_the_answer_is_kept_for_ten_minutes() -> None:
    azure = an_azure(roles())
    cloud = clouded(azure, PROD)
    for moment, requests in ((0.0, 2), (FRESH - 1, 2), (FRESH, 4)):
        cloud.moment = moment
        asyncio.run(cloud.deployments.neighbours())
        assert len(azure.asked) == requests


def test_a_silent_resource_graph_is_an_error() -> None:
    azure = an_azure(roles())
    azure.answers[GRAPH.lower()] = (503, None, {})
    with pytest.raises(CloudUnavailable):
        neighbours(azure)
