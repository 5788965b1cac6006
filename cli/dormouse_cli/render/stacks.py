"""Plans and results of stacks, as text and as documents."""

from collections.abc import Mapping, Sequence
from typing import Any

from dormouse_cli.output import print_lines, print_table, styled
from dormouse_cli.render.values import Fields, count_text, price_text, rows_in
from dormouse_cli.stacks.planning import CHANGE, CREATE, NOTHING, REPAIR, UNDECIDED, PlannedMember, StackPlan
from dormouse_cli.stacks.running import Result

REMOVED = "not in file"
ACTIONS = {CREATE: "create", CHANGE: "change", REPAIR: "repair drift", NOTHING: "unchanged", UNDECIDED: "decided later"}
COUNTED = {CREATE: "to create", CHANGE: "to change", REPAIR: "with drift", UNDECIDED: "decided later", NOTHING: "unchanged"}
MOST_NAMED = 6
KEPT = (
    "{name} belongs to the stack and is not in the file any more. It is kept, and billed; to delete it: dormouse rm {name}"
)


def print_stack_plan(plan: StackPlan) -> None:
    """Print what applying a stack would do with each environment, and what would be refused."""
    counts = [
        f"{number} {words}"
        for would, words in COUNTED.items()
        if (number := sum(planned.would == would for planned in plan.members))
    ]
    counts += [f"{len(plan.removed)} not in the file any more"] if plan.removed else []
    print_lines(f"{plan.stack.name}: {', '.join(counts)}.", "")
    rows = [
        [
            planned.member.name,
            planned.member.spec.get("blueprint"),
            ACTIONS.get(planned.would, planned.would),
            changes_text(planned),
            price_text(dict(planned.plan or {})),
            ", ".join(planned.member.needs),
        ]
        for planned in plan.members
    ]
    rows += [[name, "", REMOVED, "", "", ""] for name in plan.removed]
    print_table(("environment", "blueprint", "action", "changes", "price", "after"), rows, prose=("changes", "after"))
    for planned in plan.members:
        _print_obstacles(planned)
    print_lines(*(KEPT.format(name=name) for name in plan.removed), *(f"Problem: {problem}" for problem in plan.problems))


def changes_text(planned: PlannedMember) -> str:
    """What would change: the fields of the spec, and the resources."""
    if planned.plan is None:
        return f"known when {', '.join(planned.member.needs)} is built"
    resources = rows_in(dict(planned.plan), "resources")
    if planned.would == CREATE:
        return count_text(len(resources), "resource")
    fields = ", ".join(planned.plan.get("spec_changes") or ())
    done = {
        action: [str(one.get("name")) for one in resources if one.get("action") == action] for action in ("create", "update")
    }
    what = "; ".join(f"{action} {_few(names)}" for action, names in done.items() if names)
    return ": ".join(filter(None, (fields, what))) if planned.would != NOTHING else ""


def print_deletion_plan(stack: str, doomed: Mapping[str, Fields], kept: Sequence[str]) -> None:
    """Print what deleting a stack would delete."""
    print_lines(
        f"{stack}: {count_text(len(doomed), 'environment')} to delete, in this order where they depend on each other:", ""
    )
    rows = [[name, row.get("blueprint"), styled(row.get("state")), row.get("owner")] for name, row in doomed.items()]
    print_table(("environment", "blueprint", "state", "owner"), rows)
    print_lines(*(KEPT.format(name=name) for name in kept))


def print_results(results: Sequence[Result]) -> None:
    """Print what came of each environment."""
    print_table(("environment", "result", "reason"), _result_rows(results), prose=("reason",))


def stack_document(plan: StackPlan, results: Sequence[Result] | None) -> dict[str, Any]:
    """A plan of a stack as a JSON document; with the results, if it was applied."""
    found = {result.name: result for result in results or ()}
    return {
        "stack": plan.stack.name,
        "stage": plan.stack.stage or None,
        "applied": results is not None,
        "environments": [
            {
                "name": planned.member.name,
                "blueprint": planned.member.spec.get("blueprint"),
                "would": planned.would,
                "after": planned.member.needs,
                "plan": planned.plan,
                **(result_document(found[planned.member.name]) if planned.member.name in found else {}),
            }
            for planned in plan.members
        ],
        "not_in_file": list(plan.removed),
        "problems": list(plan.problems),
    }


def result_document(result: Result) -> dict[str, Any]:
    """What came of an environment, as members of a JSON document."""
    return {"outcome": result.outcome, "reason": result.reason or None, "operation": result.operation}


def _result_rows(results: Sequence[Result]) -> list[list[Any]]:
    return [[result.name, styled(result.outcome), result.reason] for result in results]


def _print_obstacles(planned: PlannedMember) -> None:
    for refusal in planned.refusals:
        said = " ".join(filter(None, (refusal.get("detail"), refusal.get("advice"))))
        print_lines(f"{planned.member.name} would be refused ({refusal.get('reason')}): {said}")
    for dropped in (planned.plan or {}).get("drift") or ():
        print_lines(f"{planned.member.name} has a resource that its spec does not name any more. It is kept: {dropped}")
    for warning in (planned.plan or {}).get("warnings") or ():
        print_lines(f"{planned.member.name}, warning: {warning}")


def _few(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
