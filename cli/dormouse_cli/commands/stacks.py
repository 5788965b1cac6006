"""Commands about stacks: apply and delete all environments that one file describes."""

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from dormouse_cli.client import ControlPlane, open_control_plane, path_of
from dormouse_cli.errors import Unsuccessful, UsageError
from dormouse_cli.network.responses import Response
from dormouse_cli.options import AsJson, DryRun, Every
from dormouse_cli.output import print_lines, to_json, write_text
from dormouse_cli.render.stacks import (
    print_deletion_plan,
    print_results,
    print_stack_plan,
    result_document,
    stack_document,
)
from dormouse_cli.specs import put_spec
from dormouse_cli.stacks.planning import NOTHING, StackPlan, deletion_needs, plan_stack, read_estate
from dormouse_cli.stacks.running import Result, StackRun, raise_unless_good
from dormouse_cli.stacks.stack_files import read_stack

StackFile = Annotated[str, typer.Option("--file", "-f", metavar="FILE", help="The stack, in YAML or JSON.")]
Stage = Annotated[
    str,
    typer.Option("--stage", metavar="STAGE", help="The stage, such as int: reads NAME.parameters.STAGE.json beside FILE."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
NO_TERMINAL = "{command} requires confirmation, but stdin is not a terminal."
SKIPPED = Response({}, "{}")


def apply(
    *,
    file: StackFile,
    stage: Stage = "",
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="KEY", help="Only this environment of the file; those that it needs must be there."),
    ] = None,
    yes: Yes = False,
    every: Every = None,
    dry_run: DryRun = False,
    unchanged: Annotated[
        bool, typer.Option("--expect-unchanged", help="Change nothing, and fail if anything differs from the file.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create or update all environments of a file, in the order of their dependencies, after confirmation.

    The plan is shown first. Environments of the stack that are not in the file any more are named, and kept.
    """
    stack = read_stack(file, stage)
    members = stack.only(only or ())
    with open_control_plane() as plane:
        plan = plan_stack(plane, stack, members)
        refused = [planned.member.name for planned in plan.members if planned.refusals]
        if not as_json:
            print_stack_plan(plan)
        if dry_run or unchanged or refused or not plan.changes:
            _end_without_changes(plan, refused, as_json=as_json)
            if unchanged and plan.differs:
                raise Unsuccessful("" if as_json else f"{stack.name} differs from the file. Nothing was changed.")
            return
        _confirm(f"Apply this to {stack.name}?", yes=yes, command="apply")
        results = _apply_all(plane, plan, every)
    if as_json:
        write_text(to_json(stack_document(plan, results)))
    else:
        print_results(results)
    raise_unless_good(results)


def delete(
    *,
    file: StackFile,
    stage: Stage = "",
    yes: Yes = False,
    confirm: Annotated[
        str, typer.Option("--confirm", metavar="STACK", help="The name of the stack, as the second confirmation.")
    ] = "",
    every: Every = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Delete all environments of a file, dependants first, after two confirmations.

    The second confirmation is the name of the stack. Environments that are not in the file any more are named, and kept.
    """
    stack = read_stack(file, stage)
    with open_control_plane() as plane:
        estate = read_estate(plane)
        needs, removed = deletion_needs(stack, estate), estate.removed(stack)
        order = [member.name for member in reversed(stack.members) if member.name in needs]
        doomed = {name: dict(estate.rows[name]) for name in order}
        if not as_json:
            print_deletion_plan(stack.name, doomed, removed)
        results = None
        if doomed and not dry_run:
            _confirm(f"Delete {', '.join(order)} with all data in them?", yes=yes, command="delete")
            _confirm_again(stack.name, confirm)
            run = StackRun(plane, f"delete {stack.name}", {name: needs[name] for name in order}, _deletion(plane))
            results = run.run(every)
    if as_json:
        found = {result.name: result_document(result) for result in results or ()}
        rows = [{"name": name, **found.get(name, {})} for name in order]
        write_text(
            to_json({"stack": stack.name, "deleted": results is not None, "environments": rows, "not_in_file": removed})
        )
    elif results is not None:
        print_results(results)
    else:
        print_lines("Nothing was deleted.")
    raise_unless_good(results or ())


def _apply_all(plane: ControlPlane, plan: StackPlan, every: float | None) -> list[Result]:
    planned = {each.member.name: each for each in plan.members}

    def put(name: str, parent_changed: bool) -> Response:  # noqa: FBT001 - the signature of a command
        if planned[name].would == NOTHING and not parent_changed:
            return SKIPPED
        return put_spec(plane, name, planned[name].member.spec, dry_run=False)

    needs = {name: each.member.needs for name, each in planned.items()}
    return StackRun(plane, f"apply {plan.stack.name}", needs, put).run(every)


def _deletion(plane: ControlPlane) -> Callable[[str, bool], Response]:
    return lambda name, _: plane.command("DELETE", path_of("environments", name))


def _end_without_changes(plan: StackPlan, refused: list[str], *, as_json: bool) -> None:
    if as_json:
        write_text(to_json(stack_document(plan, None)))
    elif not plan.changes:
        print_lines("Nothing to change.")
    if refused:
        raise Unsuccessful("" if as_json else f"These would be refused: {', '.join(refused)}. Nothing was changed.")


def _confirm(question: str, *, yes: bool, command: str) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(NO_TERMINAL.format(command=command), "Use --yes to do it without one.")
    if not typer.confirm(question, err=True):
        raise Unsuccessful("Nothing was changed.")


def _confirm_again(stack: str, given: str) -> None:
    if not given and not sys.stdin.isatty():
        raise UsageError(NO_TERMINAL.format(command="delete"), f"Use --yes and --confirm {stack} to do it without one.")
    if (given or typer.prompt(f"To confirm, type the name of the stack ({stack})", err=True)) != stack:
        raise Unsuccessful(f"That is not the name of the stack, {stack}. Nothing was deleted.")
