"""The dependencies of use cases: records, inventories, surveys, prices, tokens, rate limits, settings, clock …"""

from dataclasses import dataclass, field

from activities.resources.environments import EnvironmentInventory
from activities.resources.survey import Survey
from dormouse.access.rate_limit import RateLimit, read_rate_limit
from dormouse.access.tokens import Tokens
from dormouse.clock import Clock
from dormouse.cloud.containers.images import ImageInventory
from dormouse.cloud.inventory import Inventory
from dormouse.cloud.passwords import PasswordInventory
from dormouse.cloud.prices import Prices
from dormouse.cloud.sizes import Sizes
from dormouse.idle.heartbeats.slots import Slots
from dormouse.idle.report import ReportHead, ReportRow
from dormouse.records.budgets import BudgetWarnings
from dormouse.records.deduplication import Receipts
from dormouse.records.environments import Records
from dormouse.records.machines import MachineRecords
from dormouse.records.power_history import PowerRecords
from dormouse.records.prices import PriceRecords
from dormouse.records.reconcile import ReconcileRecords
from dormouse.settings import Settings

# An agent sends one, and its tries again.
HEARTBEATS_A_MINUTE = 10


@dataclass(slots=True)
class ReportCache:
    """The rows of the last sweep's report: every poll of an open page asks for all of them, and sweeps come in minutes."""

    head: ReportHead | None = None
    rows: tuple[ReportRow, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Everything that use cases need, made once and shared by all requests."""

    records: Records
    inventory: Inventory
    environments: EnvironmentInventory
    survey: Survey
    prices: Prices
    sizes: Sizes
    machines: MachineRecords
    power: PowerRecords
    price_records: PriceRecords
    receipts: Receipts
    budget_warnings: BudgetWarnings
    tokens: Tokens
    passwords: PasswordInventory
    images: ImageInventory
    reconciled: ReconcileRecords
    settings: Settings
    clock: Clock
    rate_limit: RateLimit
    read_rate_limit: RateLimit = field(default_factory=lambda: read_rate_limit(300))
    report: ReportCache = field(default_factory=ReportCache)
    heartbeat_rate_limit: RateLimit = field(default_factory=lambda: RateLimit(HEARTBEATS_A_MINUTE))
    slots: Slots = field(default_factory=Slots)

    def now(self) -> float:
        """The current time, in seconds since 1970."""
        return self.clock.now()
