"""Health checks that the control plane makes itself: their results are there at once."""

from typing import Any

from dormouse.environments.answers import Checked
from dormouse.environments.results import Check, HealthCheckResult
from dormouse.resources.plan import Resource


def result_of(name: str, result: Check, detail: str = "") -> Checked:
    """The result of a health check that is one question to Azure."""
    return Checked((HealthCheckResult(name, result, detail),))


def no_read(resource: Resource, body: Any) -> Checked:
    """Nothing: such a check has ended when it has begun."""
    return Checked()
