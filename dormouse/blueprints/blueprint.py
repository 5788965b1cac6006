"""What a blueprint is: its spec, and the resources that follow from it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from dormouse.blueprints.spec import EnvironmentSpec
from dormouse.errors import Fault
from dormouse.resources.plan import Resource
from dormouse.resources.target import DeploymentTarget

S = TypeVar("S", bound=EnvironmentSpec)


@dataclass(frozen=True, slots=True)
class Blueprint(Generic[S]):
    """A kind of environment: its name, its parameters, its resources, and the environments that it depends on.

    `unsuitable` are the faults of a spec that does not fit what it depends on, whose outputs are in the target.
    """

    name: str
    spec: type[S]
    build: Callable[[S, DeploymentTarget], Sequence[Resource]]
    depends_on: Callable[[S], tuple[str, ...]] = lambda spec: ()
    unsuitable: Callable[[S, DeploymentTarget], Sequence[Fault]] = lambda spec, target: ()
