"""Images in simulated registries: imports, and the digests that their login servers show."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.azure.core.responses import Answer
from local.azure.core.world import SUBSCRIPTION
from local.azure.providers.containers import images
from tests.contract.azure import Azure

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab"
REGISTRIES = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries"
VERSION = "2025-11-01"
FIRST, SECOND = (f"sha256:{digit * 64}" for digit in "12")


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    azure = Azure(tmp_path)
    azure.manage("PUT", f"{GROUP}?api-version=2024-03-01", {"location": "westeurope"})
    for name in ("staging", "healthy"):
        body = {"location": "westeurope", "sku": {"name": "Standard"}, "properties": {}}
        azure.manage("PUT", f"{REGISTRIES}/{name}?api-version={VERSION}", body)
    azure.finish()
    images.push(azure.world, "staging", "trainer", FIRST, "1")
    yield azure
    azure.close()


def take(azure: Azure, image: str = "trainer:1", *tags: str, **more: Any) -> Answer:
    source = {"resourceId": f"{REGISTRIES}/staging", "sourceImage": image}
    body = {"source": source, "targetTags": list(tags) or ["trainer:1"], **more}
    return azure.manage("POST", f"{REGISTRIES}/healthy/importImage?api-version={VERSION}", body)


def status(azure: Azure, started: Answer) -> Answer:
    return azure.manage("GET", "/" + started.headers["Location"].split("/", 3)[3])


def digest(azure: Azure, tag: str) -> str:
    return images.digest_of(azure.world, "healthy", "trainer", tag)


def test_an_import_is_accepted_runs_and_succeeds_as_recorded(azure: Azure) -> None:
    started = take(azure)
    assert (started.status, started.body) == (202, None)
    assert "/locations/WESTEUROPE/operationResults/registries-" in started.headers["Location"]
    running = status(azure, started)
    assert (running.status, running.body, digest(azure, "1")) == (202, {"status": "Accepted"}, "")
    azure.finish()
    ended = status(azure, started)
    assert (ended.status, ended.body, digest(azure, "1")) == (200, {"status": "Succeeded"}, FIRST)


def test_a_tag_that_exists_is_replaced_only_with_force(azure: Azure) -> None:
    images.push(azure.world, "healthy", "trainer", SECOND, "1")
    refused = take(azure)
    assert (refused.status, refused.body["error"]["code"]) == (409, "Conflict")
    assert "trainer:1 already exists in target registry" in refused.body["error"]["message"]
    take(azure, f"trainer@{FIRST}", mode="Force")
    azure.finish()
    assert digest(azure, "1") == FIRST


def test_an_import_of_what_does_not_exist_fails_later(azure: Azure) -> None:
    for missing in ("trainer:9", f"trainer@{SECOND}", "other:1"):
        started = take(azure, missing, f"trainer:{len(missing)}")
        azure.finish()
        ended = status(azure, started)
        assert (ended.body["status"], "Unable to find manifest digest" in ended.body["error"]["message"]) == ("Failed", True)
        assert digest(azure, str(len(missing))) == ""


@pytest.mark.parametrize(
    ("image", "tags", "more"),
    [
        ("Trainer:1", ("trainer:1",), {}),
        ("trainer:1", (f"trainer@{FIRST}",), {}),
        ("trainer:1", ("trainer:1",), {"mode": "Maybe"}),
    ],
)
def test_an_import_that_is_no_image_is_refused(azure: Azure, image: str, tags: tuple[str, ...], more: Any) -> None:
    assert take(azure, image, *tags, **more).status == 400


def test_what_is_not_modelled_is_named(azure: Azure) -> None:
    assert take(azure, untaggedTargetRepositories=["trainer"]).status == 501


def test_a_registry_of_the_same_name_is_empty(azure: Azure) -> None:
    azure.manage("DELETE", f"{REGISTRIES}/staging?api-version={VERSION}")
    azure.finish()
    body = {"location": "westeurope", "sku": {"name": "Standard"}, "properties": {}}
    azure.manage("PUT", f"{REGISTRIES}/staging?api-version={VERSION}", body)
    assert images.digest_of(azure.world, "staging", "trainer", "1") == ""


def test_an_image_outside_azure_is_imported_by_its_digest(azure: Azure) -> None:
    body = {
        "source": {"registryUri": "nvcr.io", "sourceImage": f"nvidia/cuda@{SECOND}"},
        "targetTags": ["cuda:12"],
        "mode": "Force",
    }
    azure.manage("POST", f"{REGISTRIES}/healthy/importImage?api-version={VERSION}", body)
    azure.finish()
    assert images.digest_of(azure.world, "healthy", "cuda", "12") == SECOND
