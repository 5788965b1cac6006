"""Sums of what was read: of everything, and by row."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from dormouse.costs.ledger import CostLine, lines_of_fees, lines_of_power
from dormouse.costs.query import CostQuery
from dormouse.costs.tally import Tally, tallied
from dormouse.services.costs.inputs import CostInputs


def sums_of(inputs: CostInputs, query: CostQuery) -> tuple[Tally, dict[str, Tally]]:
    """The sums of a window: of everything, and by row."""
    return tallied(_lines(inputs, query), query.group_by)


def certainly_spent(inputs: CostInputs, query: CostQuery) -> Mapping[str, Decimal]:
    """What was spent at least, by row: at prices that are known to have been in force, not at assumed ones."""
    _, rows = tallied((line for line in _lines(inputs, query) if not line.assumed), query.group_by)
    return {key: tally.spent for key, tally in rows.items()}


def _lines(inputs: CostInputs, query: CostQuery) -> Iterator[CostLine]:
    yield from lines_of_power(inputs.power, query, inputs.book)
    yield from lines_of_fees(inputs.fees, query, inputs.book)
