"""API versions: those that Azure accepts for a type, and those whose shapes the simulation follows."""

import json
import re
from pathlib import Path
from typing import Any

from local.azure.core.regions import names
from local.azure.core.responses import Refused, not_simulated

FILE: dict[str, Any] = json.loads((Path(__file__).parent / "versions.json").read_text())
SERIES: dict[str, dict[str, Any]] = FILE["series"]
TYPES: dict[str, dict[str, Any]] = {
    kind: {
        "series": series,
        "known": SERIES[series]["versions"],
        "served": FILE["served_earlier"].get(kind, SERIES[series]["served"]),
        "complete_until": SERIES[series]["complete_until"],
    }
    for kind, series in FILE["types"].items()
}
SPELT = {kind.lower(): kind for kind in TYPES}
KNOWN: dict[str, list[str]] = {kind.lower(): facts["known"] for kind, facts in TYPES.items()}
SERVED_SINCE: dict[str, str] = {kind.lower(): facts["served"] for kind, facts in TYPES.items()}
WELL_FORMED = re.compile(r"\d{4}-\d{2}-\d{2}(-preview|-alpha|-beta)?")
RESOURCE_MANAGER = "resource manager"
NOWHERE = "Microsoft.Authorization"  # its resources have no location


def check(version: str | None, kind: str, today: str, location: str = "") -> None:
    """Raise a refusal for a version that is missing or malformed, that Azure does not serve, or that is not simulated.

    `kind` is a type, or the path of an action below one; `today` is a date, after which no version can exist yet.
    """
    if version is None:
        text = "The api-version query parameter (?api-version=) is required for all requests."
        raise Refused(400, "MissingApiVersionParameter", text)
    kind = _versioned(kind)
    if not WELL_FORMED.fullmatch(version):
        raise _invalid(version, kind)
    if kind not in TYPES:
        return
    facts = TYPES[kind]
    if version in facts["known"]:
        if version < facts["served"]:
            raise not_simulated(f"{kind} in API version {version}, but only since {facts['served']}")
        return
    if facts["complete_until"] < version[:10] <= today:
        raise not_simulated(f"{kind} in API version {version}: it is not known whether Azure serves it")
    raise _invalid(version, kind) if facts["series"] == RESOURCE_MANAGER else _unregistered(version, kind, location)


def _versioned(kind: str) -> str:
    """The type that decides about the version of a type or an action: the longest beginning that is listed."""
    parts = kind.lower().split("/")
    beginnings = ("/".join(parts[:length]) for length in range(len(parts), 1, -1))
    return next((SPELT[beginning] for beginning in beginnings if beginning in SPELT), kind)


def _invalid(version: str, kind: str) -> Refused:
    supported = ",".join(KNOWN.get(kind.lower(), []))
    text = f"The api-version '{version}' is invalid. The supported versions are '{supported}'."
    return Refused(400, "InvalidApiVersionParameter", text, headers={"x-ms-failure-cause": "gateway"})


def _unregistered(version: str, kind: str, location: str) -> Refused:
    """The refusal for a version that does not exist, worded as in https://github.com/Azure/azure-cli/issues/28496."""
    provider, _, name = kind.partition("/")
    places = "" if provider == NOWHERE else ", ".join(names())
    text = (
        f"No registered resource provider found for location '{location}' and API version '{version}' for type '{name}'. "
        f"The supported api-versions are '{', '.join(TYPES[kind]['known'])}'. The supported locations are '{places}'."
    )
    return Refused(400, "NoRegisteredProviderFound", text, headers={"x-ms-failure-cause": "gateway"})
