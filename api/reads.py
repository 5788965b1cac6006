"""What routes may ask: the records, what exists, what it costs, what would be refused."""

import time
from dataclasses import dataclass, field

from api.pacing import Pace, pace_of_looks
from api.tokens import Tokens
from cloud.inventory import Inventory
from cloud.preflight import Preflight
from cloud.prices import Prices
from records.fleet import FleetRecords
from records.receipts import Receipts
from records.store import Records
from settings import Settings

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
