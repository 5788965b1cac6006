"""What routes may ask: the records, what exists, what it costs, what would be refused."""

import time
from dataclasses import dataclass, field

from dormouse.access.rate_limit import Pace, pace_of_looks
from dormouse.access.tokens import Tokens
from dormouse.cloud.inventory import Inventory
from dormouse.cloud.preflight import Preflight
from dormouse.cloud.prices import Prices
from dormouse.records.deduplication import Receipts
from dormouse.records.environments import Records
from dormouse.records.machines import FleetRecords
from dormouse.settings import Settings

# An agent sends one, and its tries again.
HEARTBEATS_A_MINUTE = 10


@dataclass(frozen=True, slots=True)
class Reads:
    """Everything that routes ask, made once and shared by all requests."""

    records: Records
    inventory: Inventory
    prices: Prices
    preflight: Preflight
    fleet: FleetRecords
    receipts: Receipts
    tokens: Tokens
    settings: Settings
    pace: Pace
    looks: Pace = field(default_factory=lambda: pace_of_looks(300))
    heartbeats: Pace = field(default_factory=lambda: Pace(HEARTBEATS_A_MINUTE))

    @staticmethod
    def now() -> float:
        """The present moment, in seconds since 1970."""
        return time.time()
