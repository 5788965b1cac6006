"""The VM sizes that can be had in a region, cheapest first."""

from dataclasses import dataclass

from dormouse.resources.sizes.size_offers import SizeOffer, has_gpu_like, rank
from dormouse.services.context import Context
from dormouse.services.views.sizes import SizeView

NO_LIMIT = 0.0


@dataclass(frozen=True, slots=True)
class SizeQuery:
    """Which sizes are asked for; `gpu` is a model, `any`, `none` or "", `max_price` per hour or NO_LIMIT."""

    region: str
    gpu: str = ""
    max_price: float = NO_LIMIT


@dataclass(frozen=True, slots=True)
class SizePage:
    """Some sizes, what could not be read about them, and where the next page begins ("" on the last page)."""

    views: tuple[SizeView, ...]
    problems: tuple[str, ...]
    after: str


async def list_sizes(query: SizeQuery, limit: int, after: str, context: Context) -> SizePage:
    """A page of sizes; raises CloudUnavailable or RefusedByAzure if Azure does not list any."""
    known = await context.dependencies.sizes.in_region(query.region)
    wanted = [offer for offer in known.offers if _meets(offer, query) and _position(offer) > after]
    page = wanted[:limit]
    following = _position(page[-1]) if len(wanted) > limit else ""
    return SizePage(tuple(map(SizeView.of, page)), known.problems, following)


def _meets(offer: SizeOffer, query: SizeQuery) -> bool:
    price = offer.prices.on_demand
    cheap = query.max_price == NO_LIMIT or (price is not None and price.per_hour <= query.max_price)
    return cheap and has_gpu_like(offer, query.gpu)


def _position(offer: SizeOffer) -> str:
    """The place of an offer among all, as a text that sorts in the same way."""
    price, name = rank(offer)
    return f"{min(price, 1e9):020.6f} {name}"
