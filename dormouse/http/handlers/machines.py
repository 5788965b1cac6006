"""Routes about machines, whoever made them: what the last sweep has found, holds and leases."""

import csv
import io
from collections.abc import Callable
from typing import Annotated

import azure.functions as func
from pydantic import AfterValidator, Field

from dormouse.access.roles import Caller
from dormouse.clock import iso_text
from dormouse.errors import EnvironmentBusy, InvalidRequest, MachineNotFound
from dormouse.http.parameters import AFTER, DRY_RUN, FORMAT, LIMIT, VERDICT
from dormouse.http.requests import body_of, model_of
from dormouse.http.responses import answer, following, page
from dormouse.idle.holds import HoldRequest, LeaseRequest, keeps_longer, with_hold, with_lease
from dormouse.idle.report import ReportRow
from dormouse.idle.tracking import TrackedMachine
from dormouse.resources.machines import key_of, parts_of_machine_id
from dormouse.services.dependencies import Dependencies
from dormouse.services.durable_client import Client
from dormouse.services.idle_report import ReportReader, lines_of, open_report
from dormouse.services.locks import being_deleted
from dormouse.services.views.machines import HoldView, IdleReport, LeaseView
from dormouse.text.plain_text import plain

LONGEST_NUMBER = 9


def _machine(value: str) -> str:
    parts_of_machine_id(value)
    return value.strip()


MachineId = Annotated[str, Field(max_length=512), AfterValidator(_machine)]


class MachineHold(HoldRequest):
    """Keep one machine awake."""

    machine: MachineId


class MachineLease(LeaseRequest):
    """Stop one machine in a while unless somebody asks again."""

    machine: MachineId


async def list_machines(
    req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller
) -> func.HttpResponse:
    """Every machine in scope as the last sweep saw it; `verdict` narrows it."""
    limit, wanted = LIMIT.of(req), VERDICT.of(req)
    reading = await open_report(dependencies)
    lines, after = await _lines(reading, dependencies, limit, AFTER.of(req), wanted)
    query = {"limit": str(limit), **({"verdict": wanted} if wanted else {})}
    return page(list(lines), "/api/machines", after, query, reading.told)


async def idle_report(
    req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller
) -> func.HttpResponse:
    """What the last sweep has found and what sleep has saved; as CSV with every machine, if that is asked for."""
    limit, reading = LIMIT.of(req), await open_report(dependencies)
    head = reading.head
    if (FORMAT.of(req) or _preferred(req)) == "csv":
        return func.HttpResponse(
            await _as_csv(reading, dependencies), mimetype="text/csv", headers={"Content-Disposition": "attachment"}
        )
    lines, after = await _lines(reading, dependencies, limit, AFTER.of(req), "")
    more = following("/api/machines/idle-report", after, {"limit": str(limit)})
    as_of = iso_text(head.ended_at)
    return answer(IdleReport(head.sweep, head.dry_run, as_of, reading.complete, reading.told, head.summary, lines, more))


async def hold_machine(
    req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller
) -> func.HttpResponse:
    """Keep a machine awake for a while, or no longer."""
    asked = model_of(MachineHold, body_of(req))
    await require_staying_machine(key_of(asked.machine), client, dependencies)
    return await hold(key_of(asked.machine), asked, req, dependencies, caller)


async def extend_machine(
    req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller
) -> func.HttpResponse:
    """Say when a machine is to be stopped unless somebody asks again."""
    asked = model_of(MachineLease, body_of(req))
    if asked.then == "delete":
        raise InvalidRequest("Only environments are deleted; a machine that others have made can only be stopped.")
    await require_staying_machine(key_of(asked.machine), client, dependencies)
    return await lease(key_of(asked.machine), asked, req, dependencies, caller)


async def require_staying_machine(key: str, client: Client, dependencies: Dependencies) -> None:
    """Raise EnvironmentBusy, which names the operation, while a machine is being deleted with its environment."""
    home = dependencies.settings.azure_subscription_id
    for operation, record in (await being_deleted(client, dependencies.records)).items():
        if key_of(record.machine_id(home)) == key:
            raise EnvironmentBusy(record.name, operation)


async def hold(
    key: str,
    asked: HoldRequest,
    req: func.HttpRequest,
    dependencies: Dependencies,
    caller: Caller,
    known: TrackedMachine | None = None,
) -> func.HttpResponse:
    """Put a hold on record and answer it; `known` is what is remembered of a machine that no sweep has seen yet."""
    now, longest = dependencies.now(), dependencies.settings.longest_hold_minutes
    memory = await _change(key, lambda memory: with_hold(memory, asked, caller.name, now, longest), req, dependencies, known)
    return answer(HoldView(memory.id, memory.hold, "longer" if keeps_longer(memory, asked, now, longest) else ""))


async def lease(
    key: str,
    asked: LeaseRequest,
    req: func.HttpRequest,
    dependencies: Dependencies,
    caller: Caller,
    known: TrackedMachine | None = None,
) -> func.HttpResponse:
    """Put a lease on record and answer it."""
    now = dependencies.now()
    memory = await _change(key, lambda memory: with_lease(memory, asked, caller.name, now), req, dependencies, known)
    return answer(LeaseView(memory.id, memory.lease))


async def _change(
    key: str,
    change: Callable[[TrackedMachine], TrackedMachine],
    req: func.HttpRequest,
    dependencies: Dependencies,
    known: TrackedMachine | None,
) -> TrackedMachine:
    memory = await dependencies.machines.tracked(key) or known
    if memory is None:
        raise MachineNotFound("No sweep has seen this machine yet; tag it with dormouse-idle, or adopt it.")
    if DRY_RUN.of(req):
        return change(memory)
    return await dependencies.machines.change_tracked(key, lambda seen: change(seen or memory))


async def _lines(
    reading: ReportReader, dependencies: Dependencies, limit: int, after: str, verdict: str
) -> tuple[tuple[ReportRow, ...], str]:
    """Some lines of the report after a cursor, and where the next ones begin."""
    begin = int(after) if after.isascii() and after.isdigit() and len(after) <= LONGEST_NUMBER else 0
    if after and not begin:
        raise InvalidRequest(f"{AFTER.name} must be what an answer of this list named as the next page.")
    found: list[ReportRow] = []
    async for number, line in lines_of(reading, dependencies, begin):
        if not verdict or line.verdict == verdict:
            if len(found) == limit:
                return tuple(found), str(number)
            found.append(line)
    return tuple(found), ""


COLUMNS = (
    "id",
    "name",
    "environment",
    "region",
    "size",
    "state",
    "verdict",
    "sentence",
    "step",
    "then",
    "hours_asleep",
    "as_of",
    "stale",
)


async def _as_csv(reading: ReportReader, dependencies: Dependencies) -> str:
    """Every machine as a line, and after them what is missing or old, as lines without an id."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow([*COLUMNS, "at", "saved", "currency"])
    async for _, line in lines_of(reading, dependencies):
        at = iso_text(line.at) if line.at else ""
        table.writerow([_harmless(str(getattr(line, name))) for name in COLUMNS] + [at, line.saved, line.currency])
    for problem in reading.told:
        table.writerow([_harmless(problem) if name == "sentence" else "" for name in COLUMNS] + ["", "", ""])
    return text.getvalue()


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula, and no terminal for a command.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    shown = plain(cell)
    return f"'{shown}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else shown


def _preferred(req: func.HttpRequest) -> str:
    return "csv" if "text/csv" in req.headers.get("Accept", "") else "json"
