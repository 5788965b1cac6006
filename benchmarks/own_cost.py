"""What the control plane itself costs: counted per heartbeat and sweep, times the prices of `dormouse cost-of-itself`."""

import math
import statistics
from collections.abc import Iterator

from benchmarks.arrivals import share_billed
from benchmarks.counting import BUSY, HEARTBEAT, IDLE, SWEEP, Counted, Stretch, count
from benchmarks.figures import Figure, Room, at_least, at_most
from dormouse_cli.own_cost.formula import (
    ACTIONS_A_PAGE,
    ACTIONS_A_SWEEP,
    EXECUTIONS_A_PAGE,
    EXECUTIONS_A_SWEEP,
    MONTH,
    TABLE_CALLS_A_HEARTBEAT,
    TABLE_CALLS_A_PAGE,
    Load,
    cost_of_heartbeats,
    log_gigabytes,
    monthly_cost,
    total,
)
from dormouse_cli.own_cost.prices import DEFAULTS
from dormouse_cli.own_cost.slots import CPU_SECONDS, active_share_in_slots

FLEETS = (10, 100, 1_000, 10_000)
THOUSAND = 1_000
USUAL, OFTEN = 300, 60
# The promise: cheaper at a thousand machines than one heartbeat a minute at any moment.
CHEAPER = 5.0
NEAR = 1.1  # how much more than the formula says may be billed for simulated arrivals


def measure() -> Room:
    """Count in two runs of the app, one with each interval; then compute months of larger fleets."""
    usual, often = count(USUAL, sweeps=2), count(OFTEN, sweeps=1)
    ratios = {machines: _ratio(machines) for machines in FLEETS}
    numbers = {
        "usd_per_machine_and_month": {str(machines): round(_month(machines) / machines, 4) for machines in FLEETS},
        "heartbeats_cheaper_by": {str(machines): round(ratio, 1) for machines, ratio in ratios.items()},
        "table_calls_a_heartbeat": round(_table_calls_a_heartbeat(usual), 2),
        "actions_a_sweep": statistics.median(one.actions for one in _of_sweeps(usual)),
    }
    figures = [
        *_counted(usual, often),
        *(
            at_most(f"seconds billed for heartbeats of {n:,} machines, by those of the formula", _billed_by_formula(n), NEAR)
            for n in FLEETS
        ),
        *(_bill(machines, load) for machines in FLEETS for load in (_now(machines), _every_minute(machines))),
        at_least(f"heartbeats of {THOUSAND:,} machines, cheaper than one a minute by", ratios[THOUSAND], CHEAPER),
    ]
    return Room("own_cost", numbers, tuple(figures))


def _now(machines: int) -> Load:
    return Load(machines)


def _every_minute(machines: int) -> Load:
    """One heartbeat a minute, at any moment."""
    return Load(machines, heartbeat_seconds=OFTEN, quick_share=0.0, in_slots=False)


def _month(machines: int) -> float:
    return total(monthly_cost(_now(machines), DEFAULTS))


def _ratio(machines: int) -> float:
    return cost_of_heartbeats(_every_minute(machines), DEFAULTS) / max(cost_of_heartbeats(_now(machines), DEFAULTS), 0.01)


def _billed_by_formula(machines: int) -> float:
    """What arrivals that follow the app's answers are billed, by the formula's; of small fleets, those of several names."""
    quick = round(machines * _now(machines).quick_share)
    by_formula = active_share_in_slots(machines - quick, quick, USUAL, cores=math.inf)
    simulated = statistics.mean(share_billed(machines, quick, fleet) for fleet in range(max(1, THOUSAND // machines)))
    return simulated / by_formula


def _of_sweeps(run: Counted) -> list[Stretch]:
    """The stretches of sweeps in which no other timer began anything."""
    others = {"reconcile_timer", "retention_timer", "receipts_timer", "rotation_timer"}
    return [one for one in run.swept if not others & {line["function"] for line in one.executions}]


def _table_calls_a_heartbeat(run: Counted) -> float:
    """The stretch with the fewest: one in which a sweep has not yet ended has some of its own."""
    return min(one.table_calls / one.heartbeats for one in run.calm if one.heartbeats)


def _counted(usual: Counted, often: Counted) -> Iterator[Figure]:
    """What was counted, beside what the formula says."""
    sweeps = _of_sweeps(usual) + _of_sweeps(often)
    page = "of a sweep of one page"
    executions = statistics.median(one.others for one in sweeps) - 1  # without the timer
    yield at_most(f"executions {page}", executions, EXECUTIONS_A_SWEEP + EXECUTIONS_A_PAGE)
    yield at_most(
        f"durable actions {page}", statistics.median(one.actions for one in sweeps), ACTIONS_A_SWEEP + ACTIONS_A_PAGE
    )
    whole = [*usual.swept, *usual.calm]  # what a stretch begins, the next one may end
    calls = sum(one.table_calls - one.heartbeats * TABLE_CALLS_A_HEARTBEAT for one in whole) / len(usual.swept)
    yield at_most(f"calls of tables {page}", round(calls, 1), TABLE_CALLS_A_PAGE)
    yield at_most("calls of tables for a heartbeat", _table_calls_a_heartbeat(usual), TABLE_CALLS_A_HEARTBEAT)
    seconds = statistics.median(
        sum(line["seconds"] for line in one.executions if line["function"] != HEARTBEAT) for one in sweeps
    )
    yield Figure(f"seconds of executions {page}, Azure answers at once", f"{seconds:.2f} s")
    lines = [line for one in sweeps for line in one.executions]
    logged = sum(line["log_lines"] for line in lines), sum(line["log_bytes"] for line in lines)
    yield Figure(
        f"lines {page} and of heartbeats that the app logs",
        f"{logged[0] / len(sweeps):.1f}, {logged[1] / len(sweeps):.0f} B",
    )
    spent = sum(one.cpu_seconds for one in usual.calm) / sum(one.heartbeats for one in usual.calm)
    yield Figure(
        "CPU time of the host for a heartbeat, here", f"{spent * 1000:.1f} ms; {CPU_SECONDS * 1000:.0f} ms are assumed"
    )
    for run, every in ((usual, USUAL), (often, OFTEN)):
        beats = sum(one.heartbeats for one in (*run.swept, *run.calm)) / len(run.calm)
        load = Load(BUSY + IDLE, heartbeat_seconds=every, quick_share=IDLE / (BUSY + IDLE))
        expected = load.heartbeats / MONTH * SWEEP
        yield Figure(
            f"heartbeats of {BUSY + IDLE} machines between two sweeps, one in {every} s",
            f"{beats:.0f}; {expected:.0f} by the formula",
        )


def _bill(machines: int, load: Load) -> Figure:
    parts = {part.name: part.amount for part in monthly_cost(load, DEFAULTS)}
    every = "now" if load.in_slots else "one a minute"
    told = (
        f"{total(monthly_cost(load, DEFAULTS)) / machines:.3f} USD a machine; {load.heartbeats / 1e6:.1f} M heartbeats, "
        f"{load.active_share * load.gigabytes * 2.592:.2f} M GB-s for them, {log_gigabytes(load):.1f} GB of logs; "
        + ", ".join(f"{name} {parts[name]:.0f}" for name in ("heartbeats", "telemetry", "storage", "sweeps", "operations"))
    )
    return Figure(f"{machines:,} machines, {every}: USD {sum(parts.values()):,.0f} a month", told)
