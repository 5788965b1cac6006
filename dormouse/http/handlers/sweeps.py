"""Sweeps begun and watched: by the timer, or by somebody who does not want to wait for it."""

import contextlib
import json
import time
from http import HTTPStatus

import azure.functions as func

from dormouse import serialization
from dormouse.access.roles import Caller
from dormouse.errors import (
    CloudUnavailable,
    ControlPlaneError,
    EnvironmentBusy,
    SweepNotFound,
    SweepUnderWay,
)
from dormouse.http.parameters import DRY_RUN
from dormouse.http.responses import POLL_AGAIN_IN, answer
from dormouse.idle.report import SweepSummary
from dormouse.idle.sweep import SWEEP_LOCK, SweepRequest
from dormouse.ids import is_sweep_id, new_sweep_id
from dormouse.records.environments import Records
from dormouse.services.cancellation import end_sweep
from dormouse.services.dependencies import Dependencies
from dormouse.services.durable_client import ENDED, Client, status_of
from dormouse.services.locks import SWEEP_LIVES, free_stale_locks, take_lock
from dormouse.services.views.sweeps import SweepAccepted, SweepView
from orchestrators.idle.sweep import sweep


async def begin_sweep(client: Client, records: Records, *, dry_run: bool, by: str) -> str:
    """Begin a sweep, and answer its id; raises SweepUnderWay while another one acts; looking keeps nobody off."""
    identifier, hung = new_sweep_id(), ""
    if not dry_run:
        hung = await _end_hung_sweep(client, records)
        try:
            await take_lock(client, records, SWEEP_LOCK, identifier)
        except EnvironmentBusy as busy:
            raise SweepUnderWay(busy.operation) from None
        with contextlib.suppress(ControlPlaneError):  # then the next sweep does it
            await free_stale_locks(client, records)
    try:
        await client.start_new(sweep.__name__, identifier, serialization.encode(SweepRequest(identifier, dry_run, by, hung)))
    except Exception as error:
        # If it runs all the same, it ends without the lock: the next one is kept off for no longer than that.
        if not dry_run:
            await records.release_lock(SWEEP_LOCK, identifier)
        raise CloudUnavailable("The sweep could not be started; try again.") from error
    return identifier


async def _end_hung_sweep(client: Client, records: Records) -> str:
    """End the sweep that holds the lock for longer than any sweep lasts, and answer its id; "" if there is none."""
    held = await records.lock(SWEEP_LOCK)
    if held is None or time.time() - held.taken_at <= SWEEP_LIVES:
        return ""
    await end_sweep(client, records, held.operation, "It did not end in time.")
    return held.operation


async def post_sweep(req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller) -> func.HttpResponse:
    """Sweep now; with `dry_run` only look and say what would be done."""
    identifier = await begin_sweep(client, dependencies.records, dry_run=DRY_RUN.of(req), by=caller.name)
    headers = {"Location": f"/api/sweeps/{identifier}", "Retry-After": POLL_AGAIN_IN}
    return answer(SweepAccepted(identifier, headers["Location"]), HTTPStatus.ACCEPTED, **headers)


async def get_sweep(req: func.HttpRequest, client: Client, dependencies: Dependencies, caller: Caller) -> func.HttpResponse:
    """One sweep, as it stands now."""
    identifier = req.route_params["id"]
    status = await status_of(client, identifier, show_input=True) if is_sweep_id(identifier) else None
    if not status or not status.runtime_status or status.name != sweep.__name__:
        raise SweepNotFound(f"There is no sweep {identifier!r} (those of long ago are forgotten).")
    told = status.input_
    asked = serialization.decode(SweepRequest, json.loads(told) if isinstance(told, str) else told)
    runtime = status.runtime_status.value
    tally = serialization.decode(SweepSummary, status.output) if runtime == "Completed" else None
    state = "running" if runtime not in ENDED else "ended" if tally else "lost"
    return answer(SweepView(identifier, asked.dry_run, asked.by, state, tally))
