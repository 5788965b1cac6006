"""Names and ids in paths: what nothing of ours can be called is not found, and is handed to no other service."""

from collections.abc import Callable, Mapping

from dormouse.blueprints.specs import name_faults
from dormouse.errors import EnvironmentNotFound, NotFound, OperationNotFound, SweepNotFound
from dormouse.ids import is_operation_id, is_sweep_id

LONGEST_SHOWN = 80


def _is_name(text: str) -> bool:
    return not name_faults(text)


def _is_operation_or_sweep(text: str) -> bool:
    return is_operation_id(text) or is_sweep_id(text)


# By the first words of a template; a PUT says itself what is wrong with a name.
PLACES: dict[str, tuple[str, Callable[[str], bool], type[NotFound], str]] = {
    "environments": ("name", _is_name, EnvironmentNotFound, "There is no environment {!r}."),
    "operations": ("id", _is_operation_or_sweep, OperationNotFound, "There is no operation {!r}."),
    "sweeps": ("id", is_sweep_id, SweepNotFound, "There is no sweep {!r}."),
}


def require_place(method: str, template: str, places: Mapping[str, str]) -> None:
    """Raise what says that there is no such thing, where a path names something that none of ours can be called."""
    known = PLACES.get(template.partition("/")[0])
    if known is None or method == "PUT":
        return
    parameter, fits, missing, words = known
    said = places.get(parameter)
    if said is not None and not fits(said):
        raise missing(words.format(said[:LONGEST_SHOWN]))
