"""Handlers of the routes below /machines."""

import csv
import io
from dataclasses import replace
from typing import Annotated

import azure.functions as func
from pydantic import AfterValidator, ConfigDict, Field

from dormouse.errors import InvalidRequest
from dormouse.http.list_parameters import MACHINE_LIST, as_query, selection_of
from dormouse.http.parameters import AFTER, DRY_RUN, FORMAT, LIMIT
from dormouse.http.requests import body_of, model_of
from dormouse.http.responses import answer, following, page
from dormouse.idle.holds import HoldRequest, LeaseRequest
from dormouse.idle.targets import target_key
from dormouse.resources.compute.machines import parts_of_machine_id
from dormouse.services.context import Context
from dormouse.services.dependencies import Dependencies
from dormouse.services.idle import keeping
from dormouse.services.idle.report import ReportReader, machine_views, open_report, rows_of
from dormouse.services.lists import machines as machine_lists
from dormouse.services.lists.selection import Selection
from dormouse.services.views.machines import MachineList, MachineView
from dormouse.services.views.schema import MACHINE
from dormouse.text.doc import doc
from dormouse.text.plain_text import plain

LONGEST_NUMBER = 9


def _machine(value: str) -> str:
    parts_of_machine_id(value)
    return value.strip()


MachineId = Annotated[
    str, Field(max_length=512), doc("The Azure resource ID of the machine.", MACHINE), AfterValidator(_machine)
]


def _target(value: str) -> str:
    target_key(value)
    return value.strip()


TargetId = Annotated[
    str,
    Field(max_length=512),
    doc("The Azure resource ID of the machine, or of a cluster of an environment.", MACHINE),
    AfterValidator(_target),
]


class MachineHold(HoldRequest):
    """A hold on one machine."""

    model_config = ConfigDict(title="MachineHoldRequest")

    machine: TargetId


class MachineLease(LeaseRequest):
    """A lease on one machine."""

    model_config = ConfigDict(title="MachineLeaseRequest")

    machine: TargetId


async def list_machines(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """The machines in scope as the last sweep saw them."""
    limit, selection = LIMIT.of(req), selection_of(req, MACHINE_LIST)
    report = await open_report(context.dependencies)
    found = await machine_lists.list_machines(
        report, context.dependencies, limit=limit, after=AFTER.of(req), selection=selection
    )
    query, views = {"limit": str(limit), **as_query(req, MACHINE_LIST)}, machine_views(found.items, context)
    more = {"as_of": report.as_of, "total": found.total}
    return page(MachineList, views, "/api/machines", found.after, query, report.all_problems, **more)


async def idle_report(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """What the last sweep found, and what sleep has saved; with `format=csv`, every machine asked for as a table."""
    selection = selection_of(req, MACHINE_LIST)
    if (FORMAT.of(req) or _preferred(req)) == "csv":
        if selection.sort:
            raise InvalidRequest("`sort` does not apply to CSV, whose rows come by resource ID; remove it.")
        text = await _as_csv(await open_report(context.dependencies), context.dependencies, selection)
        return func.HttpResponse(text, mimetype="text/csv", headers={"Content-Disposition": "attachment"})
    limit = LIMIT.of(req)
    report, after = await machine_lists.show_report(limit, AFTER.of(req), context, selection)
    query = {"limit": str(limit), **as_query(req, MACHINE_LIST)}
    return answer(replace(report, next=following("/api/machines/idle-report", after, query)))


async def hold_machine(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Keep a machine awake for a time, or end its hold."""
    asked = model_of(MachineHold, body_of(req))
    return answer(await keeping.hold_machine(asked.machine, asked, context, dry_run=DRY_RUN.of(req)))


async def extend_machine(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Set, renew or end a machine's lease: it is stopped when the lease expires."""
    asked = model_of(MachineLease, body_of(req))
    return answer(await keeping.extend_machine(asked.machine, asked, context, dry_run=DRY_RUN.of(req)))


COLUMNS = (
    "id",
    "kind",
    "name",
    "environment",
    "owner",
    "blueprint",
    "region",
    "size",
    "state",
    "verdict",
    "reason",
    "next_action",
    "next_action_text",
    "next_action_at",
    "hours_asleep",
    "saved_amount",
    "currency",
    "as_of",
    "stale",
)


async def _as_csv(report: ReportReader, dependencies: Dependencies, selection: Selection) -> str:
    """Every machine asked for as a line, and after them what is missing or old, as lines without an id."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(COLUMNS)
    async for _, row in rows_of(report, dependencies):
        if not machine_lists.is_chosen(row, selection):
            continue
        cells = [getattr(MachineView.of(row), name) for name in COLUMNS]
        table.writerow(["" if cell is None else _harmless(str(cell)) for cell in cells])
    for problem in report.all_problems:
        table.writerow([_harmless(problem) if name == "reason" else "" for name in COLUMNS])
    return text.getvalue()


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula, and no terminal for a command.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    shown = plain(cell)
    return f"'{shown}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else shown


def _preferred(req: func.HttpRequest) -> str:
    return "csv" if "text/csv" in req.headers.get("Accept", "") else "json"
