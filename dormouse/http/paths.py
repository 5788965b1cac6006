"""Names and IDs in paths: one that cannot exist is answered with 404 before any other service is called."""

from collections.abc import Callable, Mapping

from dormouse.blueprints.specs import name_faults
from dormouse.errors import EnvironmentNotFound, NotFound, OperationNotFound, SweepNotFound
from dormouse.ids import is_operation_id, is_sweep_id

LONGEST_SHOWN = 80


def _is_name(text: str) -> bool:
    return not name_faults(text)


def _is_operation_or_sweep(text: str) -> bool:
    return is_operation_id(text) or is_sweep_id(text)


# By the first segment of the template; a PUT reports itself what is wrong with a name.
PATH_RULES: dict[str, tuple[str, Callable[[str], bool], type[NotFound], str]] = {
    "environments": ("name", _is_name, EnvironmentNotFound, "There is no environment {!r}."),
    "operations": ("id", _is_operation_or_sweep, OperationNotFound, "There is no operation {!r}."),
    "sweeps": ("id", is_sweep_id, SweepNotFound, "There is no sweep {!r}."),
}


def require_valid_path(method: str, template: str, parameters: Mapping[str, str]) -> None:
    """Raise the NotFound error of the template's resource if the name or ID in the path is malformed."""
    rule = PATH_RULES.get(template.partition("/")[0])
    if rule is None or method == "PUT":
        return
    parameter, is_valid, error, message = rule
    value = parameters.get(parameter)
    if value is not None and not is_valid(value):
        raise error(message.format(value[:LONGEST_SHOWN]))
