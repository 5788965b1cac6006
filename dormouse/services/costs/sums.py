"""Sums of what was read: of everything, and by row."""

from dormouse.costs.ledger import lines_of_fees, lines_of_power
from dormouse.costs.query import CostQuery
from dormouse.costs.tally import Tally, tallied
from dormouse.services.costs.inputs import CostInputs


def sums_of(inputs: CostInputs, query: CostQuery) -> tuple[Tally, dict[str, Tally]]:
    """The sums of a window: of everything, and by row."""
    lines = [*lines_of_power(inputs.power, query, inputs.book), *lines_of_fees(inputs.fees, query, inputs.book)]
    return tallied(lines, query.group_by)
