"""Quotas that do not suffice: their numbers, in Azure's messages and in words. Pure.

https://learn.microsoft.com/azure/quotas/per-vm-quota-requests
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# The quotas of all providers: Compute, Machine Learning, Networking, Storage.
# https://learn.microsoft.com/azure/quotas/quickstart-increase-quota-portal
PORTAL = "https://portal.azure.com/#view/Microsoft_Azure_Capacity/QuotaMenuBlade/~/myQuotas"

# The numbers as Azure writes them: Compute today and in 2016, Machine Learning (compute, and endpoints), Kubernetes
# Service, public IP addresses, storage accounts.
# https://github.com/Azure/karpenter-provider-azure/issues/192, https://github.com/hashicorp/terraform/issues/10056,
# https://github.com/Azure/mlops-v2/issues/81, https://github.com/MicrosoftDocs/azure-docs/issues/121466
NUMBERS = {
    "limit": (
        r"current limit: (\d+)",
        r"maximum allowed: (\d+)",
        r"vcpu quota of (\d+)",
        r"maximum quota is (\d+)",
        r"cannot create more than (\d+)",
        r"already contains (\d+)",
    ),
    "used": (r"current usage: (\d+)", r"current in use: (\d+)", r"currently using (\d+)", r"already contains (\d+)"),
    "needed": (
        r"additional required: (\d+)",
        r"additional requested: (\d+)",
        r"maps to (\d+) vcpus",
        r"quota requested is (\d+)",
        r"requested quota:? (\d+)",
    ),
    "left": (r"(?:left|remaining)(?: regional| family)? vcpu quota:? (\d+)", r"remaining quota:? (\d+)"),
    "new_limit": (r"new limit required: (\d+)",),
}


@dataclass(frozen=True, slots=True)
class QuotaShortage:
    """A quota that does not suffice; a number that is not known is None.

    `used` and `left` of `limit` are in use and free, `needed` more are asked for, and `new_limit` is the smallest limit that
    would suffice.
    """

    limit: int | None = None
    used: int | None = None
    left: int | None = None
    needed: int | None = None
    new_limit: int | None = None
    link: str = PORTAL

    def in_words(self) -> str:
        """The numbers, and what to ask for and where, in sentences."""
        known = ", ".join(self._numbers())
        wanted = f"a limit of at least {self.new_limit}" if self.new_limit is not None else "a higher limit"
        return f"{f'The numbers: {known}. ' if known else ''}Request {wanted} at {self.link}, or free some of it."

    def _numbers(self) -> Iterator[str]:
        for label, number in (("limit", self.limit), ("in use", self.used), ("free", self.left), ("needed", self.needed)):
            if number is not None:
                yield f"{label} {number}"


def shortage_of(limit: int, used: int, needed: int) -> QuotaShortage:
    """The shortage of a quota of which all numbers are known."""
    return QuotaShortage(limit, used, max(limit - used, 0), needed, used + needed)


def shortage_in(message: str) -> QuotaShortage:
    """The shortage that a message of Azure tells of; what the message does not say, and does not follow from it, is None."""
    told = {name: _first(patterns, message.lower()) for name, patterns in NUMBERS.items()}
    limit, used, left, needed, new_limit = (told[name] for name in ("limit", "used", "left", "needed", "new_limit"))
    if left is None and limit is not None and used is not None:
        left = max(limit - used, 0)
    if new_limit is None and needed is not None and used is not None:
        new_limit = used + needed
    return QuotaShortage(limit, used, left, needed, new_limit)


def _first(patterns: tuple[str, ...], text: str) -> int | None:
    return next((int(found[1]) for pattern in patterns if (found := re.search(pattern, text))), None)
