"""The checks after a deployment: it answers, Azure knows all its functions, and its timer runs sweeps that end.

A deployment that Azure calls successful can lack functions, or have timers that never fire:
https://github.com/Azure/functions-action/issues/268, https://github.com/microsoft/azure-pipelines-tasks/issues/22354,
https://github.com/Azure/azure-functions-host/issues/11828.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from release.arm import Arm, CheckFailed
from release.command import control_plane, main_of, resource_manager
from release.control_plane import ControlPlane
from release.deployment import SITES, Deployment, deployment_of
from release.layout import FUNCTIONS
from release.patience import Patience

# What the package has, as `make package` has listed it.
LISTED = Path("dist") / FUNCTIONS
# Roles take up to ten minutes to be known, and a sweep begins every five.
STARTED, SWEPT = 900.0, 1200.0


def verify(
    arm: Arm, plane: ControlPlane, deployment: Deployment, functions: Sequence[str], started: Patience, swept: Patience
) -> Iterator[str]:
    """Make the checks in their order; yields what each has found, and raises CheckFailed at the first that fails."""
    began = started.until(lambda: _healthy(plane))
    yield f"{deployment.url} answers"
    started.until(lambda: _indexed(arm, deployment, functions))
    yield f"Azure knows all {len(functions)} functions"
    arm.post(f"{deployment.site(arm)}/syncfunctiontriggers", SITES)
    yield "the triggers are synchronized"
    sweep = swept.until(lambda: _swept(plane, began))
    yield f"the sweep {sweep['id']}, which the timer has begun, ended"
    yield from (f"note: {problem}" for problem in plane.get("/machines/idle-report?limit=1")["problems"])


def _healthy(plane: ControlPlane) -> str:
    """The time of the control plane (RFC 3339)."""
    health = plane.get("/health")
    if health["status"] != "ok":
        raise CheckFailed(f"The control plane says that it is {health['status']!r}.")
    return str(health["time"])


def _indexed(arm: Arm, deployment: Deployment, functions: Sequence[str]) -> None:
    """https://learn.microsoft.com/rest/api/appservice/web-apps/list-functions."""
    known = {
        one["name"].rpartition("/")[2]: one["properties"] for one in arm.pages(f"{deployment.site(arm)}/functions", SITES)
    }
    faults = [
        *(f"{name} is missing" for name in functions if name not in known),
        *(f"{name} is not in the package" for name in known if name not in functions),
        *(f"{name} is disabled" for name, one in known.items() if one.get("isDisabled")),
    ]
    if faults:
        raise CheckFailed(f"Of the functions in Azure, {', '.join(sorted(faults))}.")


def _swept(plane: ControlPlane, since: str) -> dict[str, Any]:
    """The newest sweep, if the timer has begun it and it ended after a moment (RFC 3339)."""
    report = plane.get("/machines/idle-report?limit=1")
    if report["sweep"] is None or report["as_of"] <= since or report["dry_run"]:
        raise CheckFailed(f"No sweep has ended since {since}; the newest report is of {report['as_of']}.")
    sweep: dict[str, Any] = plane.get(f"/sweeps/{report['sweep']}")
    if (sweep["by"], sweep["state"]) != ("timer", "ended"):
        raise CheckFailed(f"The newest sweep was begun by {sweep['by']} and is {sweep['state']}.")
    return sweep


def functions_in(path: Path) -> list[str]:
    """The names of the functions of the package; raises CheckFailed without the list."""
    try:
        names: list[str] = json.loads(path.read_text())
    except OSError:
        raise CheckFailed(f"{path} is missing. Run `make package` first, or get it from the build.") from None
    return names


def main() -> None:
    """Verify the deployment of a stage."""
    main_of(__doc__, run)


def run(stage: str, every: float) -> Iterator[str]:
    """Make the checks for a stage, looking so often (seconds)."""
    functions = functions_in(LISTED)
    with resource_manager() as arm:
        deployment = deployment_of(arm, stage)
        with control_plane(arm, deployment) as plane:
            yield from verify(arm, plane, deployment, functions, Patience(STARTED, every), Patience(SWEPT, every))


if __name__ == "__main__":
    main()
