"""The shapes of responses about costs; see `dormouse_cli.shapes`."""

from dormouse_cli.shapes import PRICE, Needed

FIGURES = {
    "spent": PRICE,
    "computing": PRICE,
    "fees": PRICE,
    "hours_on": float,
    "saved": PRICE,
    "stopped_by_people": PRICE,
    "at_least": bool,
    "assumed_prices": bool,
    "unpriced": [str],
}
FORECAST = {"month": str, "least": PRICE, "expected": PRICE, "most": PRICE}
BUDGET = {"monthly": PRICE, "used_percent": float, "forecast_percent": float, "stops": bool}
COSTS = {
    "since": str,
    "until": str,
    "zone": str,
    "as_of": str,
    "currency": str,
    "total": FIGURES,
    "forecast": FORECAST,
    "billed_by_use": [str],
    "value": [
        {"key": Needed(str), "environment": str, "day": str, "figures": FIGURES, "forecast": FORECAST, "budget": BUDGET}
    ],
    "problems": [str],
    "next": str,
}
