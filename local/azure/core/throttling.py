"""Token buckets: how many requests Azure Resource Manager, Compute and Resource Graph accept before they throttle.

https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
https://learn.microsoft.com/azure/virtual-machines/compute-throttling-limits
https://learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.azure.core.responses import Refused
from local.azure.providers.kinds import EXTENSION, MACHINE

MINUTE = 60.0
READS, WRITES, DELETES = "reads", "writes", "deletes"
GLOBAL_FACTOR = 15  # shared by all principals of a subscription


@dataclass(slots=True)
class Bucket:
    """Tokens that refill over time: `refill` per second, at most `size`."""

    size: float
    refill: float
    tokens: float = field(default=-1.0)
    at: float = 0.0
    lowest: float = math.inf

    def take(self, now: float) -> float:
        """Take a token and return 0.0, or return the seconds until one is available."""
        self._fill(now)
        enough = self.tokens >= 1
        self.tokens -= 1 if enough else 0
        self.lowest = min(self.lowest, self.tokens)
        return 0.0 if enough else (1 - self.tokens) / self.refill

    def reset_level(self, now: float) -> None:
        """Reset the lowest level."""
        self._fill(now)
        self.lowest = self.tokens

    def _fill(self, now: float) -> None:
        if self.tokens < 0:
            self.tokens, self.at = self.size, now
        self.tokens = min(self.size, self.tokens + (now - self.at) * self.refill)
        self.at = now

    @property
    def left(self) -> int:
        """The whole tokens that are left."""
        return math.floor(max(self.tokens, 0.0))


def _per_minute(refill: float, size: float) -> Callable[[], Bucket]:
    return lambda: Bucket(size, refill / MINUTE)


# Name: per machine, and per subscription and region.
COMPUTE: dict[str, tuple[Callable[[], Bucket], Callable[[], Bucket]]] = {
    "PutVM": (_per_minute(4, 12), _per_minute(500, 1500)),
    "UpdateVM": (_per_minute(4, 12), _per_minute(500, 1500)),
    "DeleteVM": (_per_minute(4, 12), _per_minute(500, 1500)),
    "LowCostGet": (_per_minute(12, 36), _per_minute(8000, 24000)),
    "HighCostGet": (_per_minute(300, 900), _per_minute(300, 900)),
    "GetOperation": (_per_minute(15, 45), _per_minute(5000, 15000)),
}
RESOURCE_MANAGER = {READS: (250, 25), WRITES: (200, 10), DELETES: (200, 10)}
DELETING = ("deallocate", "simulateeviction")


class Throttle:
    """Every bucket of one principal in one subscription. The levels are lost when the simulation ends, as in real gateways."""

    def __init__(self, now: Callable[[], float]) -> None:
        """`now` returns the simulated time in seconds."""
        self._now = now
        self.buckets: dict[str, Bucket] = {}
        self.refused = 0

    def resource_manager(self, method: str, operation: str) -> dict[str, str]:
        """Take a token of Resource Manager and return the headers with the remaining requests; raises Refused."""
        kind = {"GET": READS, "HEAD": READS, "DELETE": DELETES}.get(method, WRITES)
        size, refill = RESOURCE_MANAGER[kind]
        mine, whole = (
            self._bucket(kind, size, refill),
            self._bucket(f"global {kind}", size * GLOBAL_FACTOR, refill * GLOBAL_FACTOR),
        )
        wait = max(mine.take(self._now()), whole.take(self._now()))
        if wait:
            self.refused += 1
            seconds = math.ceil(wait)
            text = (
                f"Number of requests for subscription and operation '{operation.upper()}' exceeded the backend storage limit. "
                f"Please try again after '{seconds}' seconds."
            )
            raise Refused(429, "SubscriptionRequestsThrottled", text, headers={"Retry-After": str(seconds)})
        prefix = "x-ms-ratelimit-remaining-subscription"
        return {f"{prefix}-{kind}": str(mine.left), f"{prefix}-global-{kind}": str(whole.left)}

    def compute(self, policy: str, machine: str, region: str) -> dict[str, str]:
        """Take a token of Compute and return the header with the remaining requests; raises Refused."""
        per_machine, per_region = COMPUTE[policy]
        buckets = {f"{policy}SubscriptionMaximum": self._named(f"{policy}|{region}", per_region)}
        if machine:
            buckets[f"{policy}Resource"] = self._named(f"{policy}|{machine.lower()}", per_machine)
        waits = {name: bucket.take(self._now()) for name, bucket in buckets.items()}
        name, wait = max(waits.items(), key=lambda item: item[1])
        if wait:
            self.refused += 1
            text = "The server rejected the request because too many requests have been received for this subscription."
            details = [{"code": "TooManyRequests", "target": name, "message": f'{{"operationGroup":"{name}"}}'}]
            inner = {"internalErrorCode": "TooManyRequestsReceived"}
            headers = {"Retry-After": str(math.ceil(wait))}
            raise Refused(429, "OperationNotAllowed", text, headers=headers, details=details, innererror=inner)
        left = ",".join(f"Microsoft.Compute/{name};{bucket.left}" for name, bucket in buckets.items())
        return {"x-ms-ratelimit-remaining-resource": left}

    def resource_graph(self) -> dict[str, str]:
        """Take a token of Resource Graph (15 queries in 5 seconds) and return its headers; raises Refused."""
        bucket = self._bucket("graph", 15, 3)
        wait = bucket.take(self._now())
        headers = {
            "x-ms-user-quota-remaining": str(bucket.left),
            "x-ms-user-quota-resets-after": f"00:00:{min(math.ceil((bucket.size - bucket.tokens) / bucket.refill), 5):02}",
        }
        if wait:
            self.refused += 1
            text = "Client application has been throttled and should not attempt to repeat the request until an amount of time has elapsed."
            headers["Retry-After"] = str(math.ceil(wait))
            raise Refused(429, "RateLimiting", text, headers=headers)
        return headers

    def metrics(self) -> None:
        """Take a token of Azure Monitor (360,000 queries in an hour); raises Refused with its own status."""
        if self._bucket("metrics", 360_000, 100).take(self._now()):
            self.refused += 1
            raise Refused(529, "TooManyRequests", "The request was throttled. Please retry with an exponential back-off.")

    def levels(self) -> list[dict[str, Any]]:
        """The lowest level of each bucket since the last reset."""
        lows = [(name, bucket.size, min(bucket.lowest, bucket.size)) for name, bucket in self.buckets.items()]
        return [
            {"name": name, "size": size, "lowest": round(low, 3), "share_used": round((size - low) / size, 4)}
            for name, size, low in lows
        ]

    def reset_levels(self) -> None:
        """Reset the lowest levels, and how often a bucket was empty."""
        self.refused = 0
        for bucket in self.buckets.values():
            bucket.reset_level(self._now())

    def _bucket(self, name: str, size: float, refill: float) -> Bucket:
        return self.buckets.setdefault(name, Bucket(size, refill))

    def _named(self, name: str, make: Callable[[], Bucket]) -> Bucket:
        if name not in self.buckets:
            self.buckets[name] = make()
        return self.buckets[name]


def policy_of(method: str, kind: str, *, collection: bool, action: str) -> str:
    """The throttling policy of Compute for a request about machines, or ""."""
    about_machines = kind.lower() == MACHINE.lower() or kind.lower().startswith(f"{MACHINE.lower()}/")
    if not about_machines:
        return ""
    if method == "GET":
        return "HighCostGet" if collection and kind.lower() == MACHINE.lower() else "LowCostGet"
    if method == "DELETE":
        return "UpdateVM" if kind.lower() == EXTENSION.lower() else "DeleteVM"
    if method == "PUT":
        return "PutVM" if kind.lower() == MACHINE.lower() else "UpdateVM"
    return "DeleteVM" if action.lower() in DELETING else "UpdateVM"
