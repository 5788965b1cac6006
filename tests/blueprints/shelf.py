"""A shelf: storage that one user may read, and nothing that could be stopped; a shelf may depend on another."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from dormouse.blueprints.blueprint import Blueprint
from dormouse.blueprints.catalog import BLUEPRINTS
from dormouse.blueprints.spec import EnvironmentSpec
from dormouse.resources.identity import role_assignment_to
from dormouse.resources.plan import Resource
from dormouse.resources.storage import blob_container, storage_account
from dormouse.resources.target import DeploymentTarget, resource_group
from dormouse.text.doc import doc

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage
STORAGE_BLOB_DATA_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
GUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


class ShelfSpec(EnvironmentSpec):
    """A storage account with a container that one user may read."""

    blueprint: Annotated[Literal["shelf"], doc("The blueprint.", "shelf")]
    reader: Annotated[str, Field(pattern=GUID), doc("The object ID of the reader.", "0d0e5e00-0000-4000-8000-0000000000a1")]
    above: Annotated[str, doc("The shelf that this one depends on; empty for none.", "shelf1")] = ""


def shelf(spec: ShelfSpec, target: DeploymentTarget) -> Sequence[Resource]:
    """Storage and a role; the storage names the storage of the shelf above in a tag."""
    storage = storage_account(target)
    if spec.above:
        tags = {**target.tags, "above": target.parents[spec.above]["storage"]["id"]}
        storage = replace(storage, body={**storage.body, "tags": tags})
    reader = role_assignment_to(target, "reader", STORAGE_BLOB_DATA_READER, spec.reader, "User", on=storage)
    return [resource_group(target), storage, blob_container(target, "shelf"), reader]


BLUEPRINT = Blueprint("shelf", ShelfSpec, shelf, depends_on=lambda spec: (spec.above,) if spec.above else ())


def register() -> None:
    """Make the blueprint known to the app of this process."""
    BLUEPRINTS[BLUEPRINT.name] = BLUEPRINT
