"""API versions: those of Azure are known, older shapes are a 501, and versions that do not exist are refused as by Azure."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.azure.core import versions
from local.azure.core.world import SUBSCRIPTION
from tests.conftest import unchecked
from tests.contract.azure import Azure
from tests.support import ROOT

DATA = ROOT.parent / "shared" / "data"
PROVES = "that the simulated Azure knows every API version in Microsoft's specifications (../shared/data)"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g"
VNET, MACHINE = (
    f"{GROUP}/providers/Microsoft.Network/virtualNetworks",
    f"{GROUP}/providers/Microsoft.Compute/virtualMachines",
)
ALL = f"/subscriptions/{SUBSCRIPTION}/providers"


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    running = Azure(tmp_path)
    running.manage("PUT", f"{GROUP}?api-version=2024-11-01", {"location": "westeurope"})
    yield running
    running.close()


def code(azure: Azure, method: str, path: str, version: str, body: Any = None) -> tuple[int, str]:
    answer = azure.manage(method, f"{path}?api-version={version}", body)
    return answer.status, answer.body["error"]["code"] if answer.status >= 400 else ""


@pytest.mark.parametrize("version", ["2022-05-01", "2023-06-01", "2023-11-01", "2024-03-01", "2024-10-01", "2025-03-01"])
def test_versions_that_azure_serves_are_served(azure: Azure, version: str) -> None:
    assert code(azure, "GET", VNET, version) == (200, "")


def test_disks_have_versions_of_their_own(azure: Azure) -> None:
    assert code(azure, "GET", f"{ALL}/Microsoft.Compute/disks", "2025-01-02") == (200, "")
    assert code(azure, "GET", f"{ALL}/Microsoft.Compute/disks", "2023-07-01") == (400, "NoRegisteredProviderFound")
    assert code(azure, "GET", MACHINE, "2023-07-01") == (200, "")
    assert code(azure, "GET", MACHINE, "2023-04-02") == (400, "NoRegisteredProviderFound")


@pytest.mark.parametrize(
    ("method", "path", "version", "expected"),
    [
        ("GET", f"{VNET}/v", "2018-03-01", (501, "NotSimulated")),  # Azure serves it, in shapes that are not followed
        ("GET", f"{VNET}/v", "2023-03-15", (400, "NoRegisteredProviderFound")),
        ("GET", f"{VNET}/v", "2031-01-01", (400, "NoRegisteredProviderFound")),
        ("GET", f"{VNET}/v", "2025-12-24", (501, "NotSimulated")),  # no list is complete up to then
        ("GET", f"{VNET}/v/subnets", "2023-03-15", (400, "NoRegisteredProviderFound")),
        ("POST", f"{MACHINE}/m/deallocate", "2023-03-15", (400, "NoRegisteredProviderFound")),
        ("POST", f"{MACHINE}/m/runCommand", "2023-03-15", (400, "NoRegisteredProviderFound")),
        ("GET", f"{MACHINE}/m/instanceView", "2023-03-15", (400, "NoRegisteredProviderFound")),
        ("GET", f"{ALL}/Microsoft.Compute/locations/westeurope/usages", "2023-03-15", (400, "NoRegisteredProviderFound")),
        ("POST", f"{ALL}/Microsoft.Storage/checkNameAvailability", "2023-03-15", (400, "NoRegisteredProviderFound")),
        ("GET", f"{ALL}/Microsoft.KeyVault/deletedVaults", "2023-03-15", (400, "NoRegisteredProviderFound")),
        ("GET", f"{ALL}/Microsoft.Authorization/roleAssignments", "2021-02-02", (400, "NoRegisteredProviderFound")),
        ("GET", f"{ALL}/Microsoft.Compute/skus", "1999-01-01", (400, "NoRegisteredProviderFound")),
        ("POST", "/providers/Microsoft.ResourceGraph/resources", "2031-01-01", (400, "NoRegisteredProviderFound")),
        ("GET", GROUP, "2023-03-15", (400, "InvalidApiVersionParameter")),
        ("GET", "/subscriptions", "2023-03-15", (400, "InvalidApiVersionParameter")),
        ("GET", f"/subscriptions/{SUBSCRIPTION}/resources", "2023-03-15", (400, "InvalidApiVersionParameter")),
    ],
)
def test_other_versions_are_refused_as_azure_does(
    azure: Azure, method: str, path: str, version: str, expected: tuple[int, str]
) -> None:
    assert code(azure, method, path, version, {} if method == "POST" else None) == expected


def test_the_refusal_names_the_location_and_what_azure_supports(azure: Azure) -> None:
    answer = azure.manage("GET", f"{VNET}/v?api-version=2023-03-15")
    assert answer.headers["x-ms-failure-cause"] == "gateway"
    assert re.fullmatch(
        r"No registered resource provider found for location 'westeurope' and API version '2023-03-15' for type "
        r"'virtualNetworks'\. The supported api-versions are '2014-12-01-preview, .*, 2023-09-01, .*'\. "
        r"The supported locations are '.*, westeurope, .*'\.",
        answer.body["error"]["message"],
    )


def test_groups_name_the_supported_versions_newest_first_as_azure_does(azure: Azure) -> None:
    message = azure.manage("GET", f"{GROUP}?api-version=2023-04-02").body["error"]["message"]
    assert message.startswith("The api-version '2023-04-02' is invalid. The supported versions are '2025-04-01,2025-03-01,")


def test_every_version_in_microsofts_specifications_is_known() -> None:
    if not DATA.is_dir():
        unchecked("The folder of specifications", PROVES)
    missing = {kind: sorted(found - set(versions.KNOWN[kind])) for kind, found in specified().items()}
    assert {kind: found for kind, found in missing.items() if found} == {}


def specified() -> dict[str, set[str]]:
    """The versions of each listed type in Microsoft's Bicep types and in HashiCorp's list of operations."""
    found: dict[str, set[str]] = {kind: set() for kind in versions.KNOWN}
    for file in (DATA / "arm-specs" / "bicep-types-az" / "generated").glob("*/*/*/types.json"):
        for item in json.loads(file.read_text()):
            kind, _, version = str(item.get("name", "")).partition("@")
            if item.get("$type") == "ResourceType" and kind.lower() in found:
                found[kind.lower()].add(version)
    with (DATA / "arm-specs" / "pandora-operations.csv").open() as text:
        next(text)  # the source
        for row in csv.DictReader(text):
            match = re.search(r"/providers/([^/]+)((?:/[^/{}]+/\{[^}]+\})+)$", row["path"].lower())
            kind = "/".join((match[1], *match[2].split("/")[1::2])) if match else ""
            if kind in found:
                found[kind].add(row["api_version"])
    return found
