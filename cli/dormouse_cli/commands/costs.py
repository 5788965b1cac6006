"""The command that shows costs, and compares them with what Azure has billed."""

from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from dormouse_cli.billing.exports import read_export
from dormouse_cli.billing.gaps import Comparison, compare
from dormouse_cli.billing.shapes import COSTS
from dormouse_cli.client import ControlPlane, open_control_plane
from dormouse_cli.options import AsJson, complete_environment
from dormouse_cli.output import to_json, write_text
from dormouse_cli.render.costs import print_comparison, print_costs
from dormouse_cli.shapes import ENVIRONMENT, page_of

# In "/subscriptions/{id}/resourceGroups/{name}".
GROUP_PARTS = 5


class By(StrEnum):
    """What a row stands for."""

    ENVIRONMENT = "environment"
    OWNER = "owner"
    BLUEPRINT = "blueprint"
    DAY = "day"
    PART = "part"


def costs(
    *,
    by: Annotated[By, typer.Option("--by", "-b", help="What a row stands for.")] = By.ENVIRONMENT,
    since: Annotated[str, typer.Option("--from", metavar="DATE", help="First day; default: the first of the month.")] = "",
    until: Annotated[str, typer.Option("--to", metavar="DATE", help="The day after the last one; default: now.")] = "",
    zone: Annotated[str, typer.Option("--zone", metavar="ZONE", help="The time zone of days, such as Europe/Warsaw.")] = "",
    environment: Annotated[
        str, typer.Option("--environment", "-e", autocompletion=complete_environment, help="Only this environment.")
    ] = "",
    owner: Annotated[str, typer.Option("--owner", help="Only what belonged to this owner.")] = "",
    blueprint: Annotated[str, typer.Option("--blueprint", help="Only environments of this blueprint.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="Show at most so many rows.")] = 400,
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="FILE", dir_okay=False, help="Compare with a Cost Management export (CSV)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what was spent and saved, and what the month will cost; with --export, how that compares with what was billed."""
    asked = {"from": since, "to": until, "zone": zone, "environment": environment, "owner": owner, "blueprint": blueprint}
    query = {name: text for name, text in asked.items() if text}
    with open_control_plane() as plane:
        if export is not None:
            found, currency = _compared(export, environment, plane)
        else:
            response = plane.get_all("/costs", {**query, "group_by": by.value}, limit=limit)
    if export is not None and as_json:
        write_text(to_json(_document(found, currency), indent=2))
    elif export is not None:
        print_comparison(found, currency)
    elif as_json:
        write_text(response.text)
    else:
        print_costs(response.fields(COSTS), by.value)


def _compared(export: Path, environment: str, plane: ControlPlane) -> tuple[Comparison, str]:
    """An export beside our estimates for its days; raises a CommandError."""
    rows = list(read_export(export))
    if not rows:
        return Comparison(), ""
    first, last = min(row.day for row in rows), max(row.day for row in rows)
    window = {"from": first.isoformat(), "to": (last + timedelta(days=1)).isoformat(), "group_by": "environment-day"}
    window |= {"environment": environment} if environment else {}
    report = plane.get_all("/costs", window).fields(COSTS)
    ours = {
        (str(row.get("environment")), date.fromisoformat(row["day"])): Decimal(repr(row["figures"]["spent"]["amount"]))
        for row in report["value"]
        if row.get("environment") and row.get("day")
    }
    known = plane.get_all("/environments").fields(page_of(ENVIRONMENT))["value"]
    resources = _resources(known)
    if environment:
        resources = {identifier: name for identifier, name in resources.items() if name == environment}
        rows = [row for row in rows if not row.tags.get("dormouse") or row.tags["dormouse"] == environment]
    currency = str(report.get("currency") or "")
    return compare(rows, ours, resources, currency), currency


def _resources(environments: list[dict[str, Any]]) -> dict[str, str]:
    """The environments by the IDs of their resources, and of the resource groups that have their names."""
    found: dict[str, str] = {}
    for each in environments:
        name = str(each["name"])
        for one in each.get("resources") or []:
            identifier = str(one.get("id") or "").lower()
            group = "/".join(identifier.split("/")[:GROUP_PARTS])
            found |= {identifier: name} if identifier else {}
            found |= {group: name} if group.endswith(f"-{name}") else {}
    return found


def _document(found: Comparison, currency: str) -> dict[str, object]:
    gaps = [
        {
            "environment": gap.environment,
            "day": gap.day.isoformat(),
            "ours": float(gap.ours),
            "list_cost": None if gap.without_list_cost else float(gap.list_cost),
            "billed": float(gap.billed),
            "gap_percent": None if gap.percent is None else round(float(gap.percent), 2),
            "alarm": gap.is_alarm,
            "incomplete": gap.is_incomplete,
        }
        for gap in found.gaps
    ]
    rest = {
        "elsewhere": float(found.elsewhere),
        "other_charges": float(found.other_charges),
        "corrections": found.corrections,
    }
    return {"currency": currency, "value": gaps, **rest}
