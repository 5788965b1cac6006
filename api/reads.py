"""What routes may ask: the records, what exists, what it costs, what would be refused."""

from dataclasses import dataclass

from cloud.inventory import Inventory
from cloud.preflight import Preflight
from cloud.prices import Prices
from records.store import Records


@dataclass(frozen=True, slots=True)
class Reads:
    """Everything that routes ask, made once and shared by all requests."""

    records: Records
    inventory: Inventory
    prices: Prices
    preflight: Preflight
    subscription: str
    vault_url: str
