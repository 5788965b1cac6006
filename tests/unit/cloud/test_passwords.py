"""Ages of passwords: from one list of the vault, and never from a value."""

import asyncio
from typing import Any

from dormouse.cloud.passwords import PasswordInventory
from tests.unit.azure import Azure, cloud_over

VAULT = "https://v.vault.azure.net"
CREATED = 1_777_636_800


def item(name: str, created: int | None = CREATED, tags: dict[str, str] | None = None) -> dict[str, Any]:
    attributes = {"enabled": True, **({"created": created} if created else {})}
    return {"id": f"{VAULT}/secrets/{name}", "attributes": attributes, **({"tags": tags} if tags else {})}


def since(*items: dict[str, Any]) -> tuple[dict[str, float], list[str]]:
    azure = Azure({}, {"GET /secrets": (200, {"value": items}, {})})
    return asyncio.run(PasswordInventory(cloud_over(azure)).since()), azure.asked


def test_one_request_tells_the_ages_of_all_passwords() -> None:
    found, asked = since(item("a"), item("b", tags={"dormouse-password-since": "1970-01-02T00:00:00Z"}))
    assert found == {"a": CREATED, "b": 86_400.0}
    assert asked == ["GET /secrets"]


def test_a_tag_that_is_no_moment_leaves_the_time_of_the_version() -> None:
    assert since(item("a", tags={"dormouse-password-since": "yesterday"}))[0] == {"a": CREATED}


def test_a_password_whose_age_is_not_known_has_none() -> None:
    assert since(item("a", None))[0] == {}
