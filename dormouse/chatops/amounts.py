"""Amounts of money in cards."""

from dormouse.services.views.environments import EnvironmentView


def price_text(view: EnvironmentView) -> str:
    """What an environment costs per hour, and whether it is billed now; "" if that is not known."""
    price = view.price_per_hour
    if not price:
        return ""
    least = "at least " if view.unpriced else ""
    return f"{least}{price.amount:.2f} {price.currency} per hour{'' if view.billed else _asleep(view)}"


def _asleep(view: EnvironmentView) -> str:
    """What is billed of an environment whose computing is not billed now."""
    price = view.price_asleep_per_hour
    if price is None or not price.amount:
        return " while it runs; not billed now"
    return f" while it runs; {price.amount:.2g} {price.currency} per hour now"


def per_hour_text(view: EnvironmentView) -> str:
    """What it costs per hour now, as the end of a line; "" if it is not billed."""
    price = view.price_per_hour
    return f", {price.amount:.2f} {price.currency}/h" if price and view.billed else ""


def spent_text(view: EnvironmentView) -> str:
    """What was spent in this month, and what sleep has saved."""
    spent, saved = view.costs.this_month, view.costs.saved
    least = "at least " if view.costs.at_least else ""
    slept = f"; sleep has saved {saved.amount:.2f} {saved.currency}" if saved.amount else ""
    return f"{least}{spent.amount:.2f} {spent.currency}{slept}"
