"""What the preflight says of quota, zones and costs, and what it says when Azure does not answer."""

from tests.support import WORKSTATION, AzureSide, ControlPlane

FAMILY = "StandardNVADSA10v5Family"
PORTAL = "https://portal.azure.com/#view/Microsoft_Azure_Capacity/QuotaMenuBlade/~/myQuotas"


def test_a_quota_that_does_not_suffice_comes_with_its_numbers_and_where_to_ask(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    azure.limit("francecentral", FAMILY, 5)
    spec = {**WORKSTATION, "region": "francecentral"}
    (refusal,) = control_plane.put(name, spec, dry_run="true").json()["refusals"]
    quota = {"limit": 5, "used": 0, "left": 5, "needed": 6, "new_limit": 6, "link": PORTAL}
    assert (refusal["reason"], refusal["quota"]) == ("quota_exceeded", quota)
    assert f"Request a limit of at least 6 at {PORTAL}" in refusal["advice"]
    operation = control_plane.provision(name, spec)
    assert operation["outcome"] == "refused"
    assert "limit 5, in use 0, free 5, needed 6" in operation["reason"]


def test_a_check_that_azure_does_not_answer_is_a_warning_and_the_environment_is_built(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    azure.spoil(method="GET", path="/usages", status=503, code="ServerTimeout")
    preview = control_plane.put(name, dry_run="true").json()
    (warning,) = preview["warnings"]
    assert warning.startswith("Not checked before: sizes can be had (Azure is temporarily unavailable (ServerTimeout)")
    assert preview["refusals"] == []

    operation = control_plane.provision(name)
    assert operation["outcome"] == "succeeded"
    assert operation["reason"].startswith(f"{name} is running, and every health check passed. Warning: Not checked before: ")
    assert "Azure decides while it builds" in operation["reason"]


def test_an_environment_that_costs_more_than_its_limit_is_refused(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    preview = control_plane.put(name, {**WORKSTATION, "max_hourly_cost": 0.58}, dry_run="true").json()
    (refusal,) = preview["refusals"]
    assert refusal["reason"] == "too_expensive"
    assert refusal["detail"] == "It costs 0.5991 USD per hour (437.36 per month of 730 hours), and max_hourly_cost is 0.58."
    assert preview["price_per_month"] == {"amount": 437.36, "currency": "USD"}
    assert control_plane.provision(name, {**WORKSTATION, "max_hourly_cost": 0.58})["outcome"] == "refused"
    assert azure.resources(name) == []
    assert control_plane.put(name, {**WORKSTATION, "max_hourly_cost": 0.6}, dry_run="true").json()["refusals"] == []


def test_a_price_that_is_unknown_cannot_be_compared_with_a_limit(
    control_plane: ControlPlane, azure: AzureSide, name: str
) -> None:
    azure.spoil(path="/api/retail/prices", status=503)
    spec = {**WORKSTATION, "size": "Standard_NV12ads_A10_v5", "region": "westeurope"}
    assert "Standard_NV12ads_A10_v5" in control_plane.put(name, spec, dry_run="true").json()["unpriced"]
    refused = control_plane.put(name, {**spec, "max_hourly_cost": 5}, dry_run="true").json()["refusals"]
    assert [refusal["reason"] for refusal in refused] == ["too_expensive"]
    assert "is unknown, so it cannot be compared with max_hourly_cost" in refused[0]["detail"]
    assert control_plane.put(name, spec, dry_run="true").json()["refusals"] == []


def test_the_limit_of_an_environment_can_be_changed_and_concerns_only_what_is_built(
    control_plane: ControlPlane, name: str
) -> None:
    control_plane.up(name)
    control_plane.up(name, {**WORKSTATION, "max_hourly_cost": 0.01})
    assert control_plane.get(name)["spec"]["max_hourly_cost"] == 0.01
