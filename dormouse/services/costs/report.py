"""The use case of cost reports."""

from collections.abc import Callable

from dormouse.clock import rfc3339
from dormouse.costs.query import CostQuery
from dormouse.services.context import Context
from dormouse.services.views.cost_report import CostReport, FiguresView
from dormouse.services.views.money import Money

USD = "USD"
NOTHING = FiguresView(*(Money(0.0, USD),) * 3, 0.0, Money(0.0, USD), 0.0, Money(0.0, USD), 0.0, 0, False, False, ())


async def show_costs(
    query: CostQuery, limit: int, after: str, context: Context
) -> tuple[Callable[[str | None], CostReport], str]:
    """The costs of a window, given the URL of the next page, and where that page begins ("" on the last one)."""
    now = rfc3339(context.dependencies.now())
    window = (rfc3339(query.began), rfc3339(query.ended), query.zone, now, query.group_by, USD)

    def view(following: str | None) -> CostReport:
        return CostReport(*window, True, NOTHING, None, (), (), following, ())

    return view, ""
