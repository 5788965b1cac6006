"""A depot: two container registries, of which one gets the images that were tested in the other."""

from collections.abc import Sequence
from typing import Annotated, Literal

from dormouse.blueprints.blueprint import Blueprint
from dormouse.blueprints.catalog import BLUEPRINTS
from dormouse.blueprints.spec import EnvironmentSpec
from dormouse.resources.plan import Resource
from dormouse.resources.platform.registries import container_registry
from dormouse.resources.target import DeploymentTarget, resource_group
from dormouse.text.doc import doc


class DepotSpec(EnvironmentSpec):
    """Two container registries."""

    blueprint: Annotated[Literal["depot"], doc("The blueprint.", "depot")]


def depot(spec: DepotSpec, target: DeploymentTarget) -> Sequence[Resource]:
    """A registry for images that are to be tested, and one for those that were."""
    return [resource_group(target), container_registry(target, "staging"), container_registry(target, "healthy")]


BLUEPRINT = Blueprint("depot", DepotSpec, depot)


def register() -> None:
    """Make the blueprint known to the app of this process."""
    BLUEPRINTS[BLUEPRINT.name] = BLUEPRINT
