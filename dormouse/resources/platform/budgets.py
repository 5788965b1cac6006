"""Budgets, which tell people what a resource group costs; they stop nothing.

https://learn.microsoft.com/rest/api/consumption/budgets/create-or-update
"""

from collections.abc import Sequence
from typing import Any

from dormouse.resources.kinds import Change, Difference, Observed, ResourceKind
from dormouse.resources.plan import Resource
from dormouse.resources.target import DeploymentTarget

BUDGETS = "Microsoft.Consumption/budgets"
# Per cent of the amount: what is spent already, and what the month will have cost at its end.
SPENT, FORECAST = 80, 100


def budget(target: DeploymentTarget, amount: float, emails: Sequence[str]) -> Resource:
    """The monthly budget of the environment's group, in the currency of the bill; the requests add when it begins.

    Owners of the group and these addresses hear of 80 % spent and of a forecast above 100 %. It is deleted by itself,
    before the group.
    """
    notifications = {f"spent-{SPENT}": _notification("Actual", SPENT, emails)}
    notifications[f"forecast-{FORECAST}"] = _notification("Forecasted", FORECAST, emails)
    properties = {"category": "Cost", "amount": amount, "timeGrain": "Monthly", "notifications": notifications}
    path = f"{target.root}/providers/{BUDGETS}/{target.called('budget')}"
    return Resource("budget", BUDGET.name, path, {"properties": properties}, needs=("group",))


def _notification(kind: str, per_cent: int, emails: Sequence[str]) -> dict[str, Any]:
    contacts = {"contactEmails": list(emails), "contactRoles": ["Owner"]}
    return {"enabled": True, "operator": "GreaterThan", "threshold": per_cent, "thresholdType": kind, **contacts}


def _drift(resource: Resource, observed: Observed) -> Change:
    """The amount and the addresses are changed in place."""
    shown, planned = observed["properties"], resource.body["properties"]
    differences = []
    if float(shown.get("amount", 0)) != float(planned["amount"]):
        differences.append(Difference("budget.amount", str(shown.get("amount")), str(planned["amount"])))
    there, wanted = (_emails(one.get("notifications") or {}) for one in (shown, planned))
    if there != wanted:
        differences.append(Difference("budget.emails", ", ".join(sorted(there)), ", ".join(sorted(wanted))))
    return Change.of(differences)


def _emails(notifications: dict[str, Any]) -> set[str]:
    return {email for one in notifications.values() for email in one.get("contactEmails") or []}


BUDGET = ResourceKind("budget", BUDGETS, "2024-08-01", diff=_drift)
