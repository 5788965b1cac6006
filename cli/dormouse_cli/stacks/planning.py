"""Plans of stacks: what applying or deleting all environments of a file would do; nothing is changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dormouse_cli.client import ControlPlane
from dormouse_cli.errors import AccessDenied, CommandError, Conflict, NotFound, UsageError
from dormouse_cli.shapes import ENVIRONMENT, PLAN, page_of
from dormouse_cli.specs import put_spec
from dormouse_cli.stacks.stack_files import STACK, Member, Stack

CREATE, CHANGE, REPAIR, NOTHING, UNDECIDED = "create", "change", "repair", "nothing", "undecided"
PARENT_NOT_READY = "parent_not_ready"
OF_OTHERS = "belongs to the stack {other}; take it out of one of the two files."
HINT = "If it is in this file, refer to it as ${KEY} in the spec, or name its key in depends_on."
UNREAD = "Whether {name} belongs to the stack is unknown: the control plane cannot read its spec."


@dataclass(frozen=True, slots=True)
class PlannedMember:
    """What applying the stack would do with a member.

    `plan` is the dry run of the control plane; None if that needs parents which are not built yet: then `would` is `create`,
    or `undecided` for an environment that exists. `repair` changes what differs in Azure from the recorded spec.
    """

    member: Member
    would: str
    plan: Mapping[str, Any] | None = None

    @property
    def refusals(self) -> Sequence[Mapping[str, Any]]:
        """What Azure would refuse."""
        return (self.plan or {}).get("refusals") or ()


@dataclass(frozen=True, slots=True)
class StackPlan:
    """What applying a stack would do.

    `removed` are the environments of the stack that its file does not have any more, `problems` what could not be told.
    """

    stack: Stack
    members: Sequence[PlannedMember]
    removed: Sequence[str]
    problems: Sequence[str] = ()

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return any(planned.would != NOTHING for planned in self.members)

    @property
    def differs(self) -> bool:
        """Whether anything is not as the file says, also what is only named and kept."""
        return self.changes or bool(self.removed) or any((planned.plan or {}).get("drift") for planned in self.members)


@dataclass(frozen=True, slots=True)
class Estate:
    """The environments that exist, by name, and what could not be read."""

    rows: Mapping[str, Mapping[str, Any]]
    problems: Sequence[str] = ()

    def stack_of(self, name: str) -> str:
        """The stack of an environment, or ""."""
        return str((self.rows[name].get("spec") or {}).get(STACK) or "")

    def removed(self, stack: Stack) -> list[str]:
        """The environments of a stack that its file does not have any more."""
        ours = {member.name for member in stack.members}
        return sorted(name for name in self.rows if name not in ours and self.stack_of(name) == stack.name)


def read_estate(plane: ControlPlane) -> Estate:
    """The environments that exist; raises a CommandError."""
    page = plane.get_all("/environments")
    rows = {str(row["name"]): row for row in page.fields(page_of(ENVIRONMENT)).get("value") or []}
    unread = [UNREAD.format(name=name) for name, row in rows.items() if not row.get("spec")]
    return Estate(rows, [*(page.fields({}).get("problems") or []), *unread])


def plan_stack(plane: ControlPlane, stack: Stack, members: Sequence[Member]) -> StackPlan:
    """What applying these members of a stack would do, by dry runs; raises a CommandError that names all with an error."""
    estate = read_estate(plane)
    found, errors = dict[str, PlannedMember](), list[tuple[str, CommandError]]()
    for member in members:
        try:
            found[member.name] = _planned(plane, member, stack, estate, found)
        except (UsageError, AccessDenied, Conflict, NotFound) as error:
            errors.append((member.name, error))
    raise_errors(stack, errors)
    return StackPlan(stack, list(found.values()), estate.removed(stack), estate.problems)


def _planned(
    plane: ControlPlane, member: Member, stack: Stack, estate: Estate, found: Mapping[str, PlannedMember]
) -> PlannedMember:
    exists = member.name in estate.rows
    other = estate.stack_of(member.name) if exists else ""
    if other and other != stack.name:
        raise UsageError(OF_OTHERS.format(other=other))
    try:
        plan = put_spec(plane, member.name, member.spec, dry_run=True).fields(PLAN)
    except UsageError as error:
        if error.problem != PARENT_NOT_READY:
            raise
        if not any(need in found and found[need].would != NOTHING for need in member.needs):
            raise UsageError(str(error), *error.details, HINT) from None
        return PlannedMember(member, UNDECIDED if exists else CREATE)
    would = str(plan["would"])
    repairs = would == CHANGE and not plan.get("spec_changes")
    return PlannedMember(member, REPAIR if repairs else would, plan)


def raise_errors(stack: Stack, errors: Sequence[tuple[str, CommandError]]) -> None:
    """Raise the errors of several environments as one, of the kind of the first; nothing without errors."""
    if errors:
        lines = [line for name, error in errors for line in (f"{name}: {error}", *error.details)]
        many = len(errors) > 1
        message = f"{len(errors)} environments of {stack.name} have errors." if many else f"{stack.name} has an error."
        raise type(errors[0][1])(message, *lines, "Nothing was changed.")


def deletion_needs(stack: Stack, estate: Estate) -> dict[str, tuple[str, ...]]:
    """The existing environments of a stack, each with those that must be deleted before it.

    Raises UsageError for one that does not belong to the stack, and Conflict if an environment that is kept depends on one.
    """
    ours = [member.name for member in stack.members if member.name in estate.rows]
    strangers = [name for name in ours if estate.stack_of(name) != stack.name]
    if strangers:
        words = f"These environments do not belong to the stack {stack.name}: {', '.join(strangers)}."
        raise UsageError(words, "Apply the file first, or delete them one by one: dormouse rm NAME")
    holders = {name: _dependents(name, stack, estate) for name in ours}
    kept = {name: sorted(set(others) - set(ours)) for name, others in holders.items() if set(others) - set(ours)}
    if kept:
        lines = [f"  {name} is needed by {', '.join(others)}" for name, others in kept.items()]
        raise Conflict("Environments that are not in the file depend on some that are.", *lines, "Nothing was deleted.")
    return holders


def _dependents(name: str, stack: Stack, estate: Estate) -> tuple[str, ...]:
    """The existing environments that depend on one, as the control plane records it or the file says."""
    recorded = [other for other, row in estate.rows.items() if name in _texts(row.get("depends_on"))]
    said = [member.name for member in stack.members if name in member.needs and member.name in estate.rows]
    return tuple(sorted({*recorded, *said}))


def _texts(value: Iterable[Any] | None) -> list[str]:
    return [str(each) for each in value or ()]
