"""Blueprints, environments, plans and previews as text."""

from collections import Counter
from typing import Any

from dormouse_cli.output import print_fields, print_lines, print_table, styled
from dormouse_cli.render.values import (
    Fields,
    asleep_text,
    default_text,
    hold_text,
    lease_text,
    money_text,
    price_text,
    print_problems,
    print_rows,
    rows_in,
    rows_of,
    time_text,
)

CHANGES = {"create": "would be created", "change": "would be updated", "nothing": "already matches the spec"}
FEES = ("asleep", "unpriced", "by use")
PROSE = ("problem", "ready", "depends on", "size", "placement", "price", *FEES, "schedule", "hold", "lease", "planned")
NOT_READY = "no: the health checks have not passed yet"


def print_blueprints(page: Fields) -> None:
    """Print the blueprints, with prices if a region was given."""
    blueprints = rows_of(page)
    if any(blueprint.get("price_per_hour") for blueprint in blueprints):
        rows = [[each.get("name"), _listed(each.get("sizes")), price_text(each), each.get("summary")] for each in blueprints]
        print_table(("name", "size", "price", "description"), rows, prose=("size", "description"))
    else:
        rows = [[each.get("name"), _listed(each.get("sizes")), each.get("summary")] for each in blueprints]
        print_table(("name", "size", "description"), rows, prose=("size", "description"))


def print_blueprint(blueprint: Fields) -> None:
    """Print a blueprint with its parameters."""
    print_lines(f"{blueprint.get('name')}: {blueprint.get('summary')}", "")
    schema, defaults = blueprint.get("parameters") or {}, blueprint.get("defaults") or {}
    required = schema.get("required") or []
    names = schema.get("properties") or {}
    rows = [[name, "required" if name in required else default_text(defaults.get(name))] for name in names]
    print_table(("parameter", "default"), rows, prose=("default",))
    if blueprint.get("region"):
        sizes = _listed(blueprint.get("sizes"))
        print_lines("", f"{f'{sizes} in ' if sizes else ''}{blueprint['region']}: {_price_with_scope(blueprint)}.")


def print_plan(preview: Fields) -> None:
    """Print what `up` would do: every resource, the price, and what would be refused."""
    would = CHANGES.get(str(preview.get("would")), str(preview.get("would")))
    print_lines(f"{preview.get('environment')} ({preview.get('blueprint')} in {preview.get('region')}) {would}:", "")
    resources = preview.get("resources") or []
    rows = [
        [each.get("name"), each.get("kind"), ", ".join(each.get("needs") or []), each.get("action")] for each in resources
    ]
    print_table(("resource", "kind", "needs", "action"), rows, prose=("needs",))
    month = preview.get("price_per_month") or {}
    monthly = f" That is {month.get('amount')} {month.get('currency')} per month of 730 hours." if month else ""
    print_lines("", f"Price: {_price_with_scope(preview)}.{monthly}")
    for label, said in _fees(preview):
        print_lines(f"{label.capitalize()}: {said}.")
    dropped = preview.get("drift") or []
    if dropped:
        print_lines("", "Still there, although the spec no longer names it; it is neither changed nor deleted:", *dropped)
    _print_refusals(preview)


def _print_refusals(preview: Fields) -> None:
    for refusal in preview.get("refusals") or []:
        said = " ".join(filter(None, (refusal.get("detail"), refusal.get("advice"))))
        print_lines(f"Would be refused ({refusal.get('reason')}): {said}")
    for warning in preview.get("warnings") or []:
        print_lines(f"Warning: {warning}")
    others = rows_in(preview, "alternatives")
    if others:
        print_lines("", "If Azure has no capacity, these are tried in this order:")
        print_table(("size", "zone", "region", "price"), [_alternative(each) for each in others])


def print_command_preview(preview: Fields) -> None:
    """Print the dry run of a command in one line."""
    subject = preview.get("environment") or preview.get("machine")
    tags = ", ".join(f'{name}="{value}"' for name, value in (preview.get("tags") or {}).items())
    known = (
        ("state", preview.get("state")),
        ("size", preview.get("size")),
        ("image", preview.get("image")),
        ("digest", preview.get("digest")),
        ("replaces", preview.get("replaces")),
        ("resources", _listed(preview.get("resources"))),
        ("tags", tags),
    )
    more = "; ".join(f"{name}: {value}" for name, value in known if value)
    print_lines(f"Would {preview.get('would')} {subject}{f' ({more})' if more else ''}. Nothing was changed.")
    _print_refusals(preview)


def print_environments(page: Fields) -> None:
    """Print a table of environments."""
    columns = ("name", "state", "blueprint", "region", "size", "price", "verdict", "operation")
    rows = [
        [
            row.get("name"),
            styled(row.get("state")),
            row.get("blueprint"),
            row.get("region"),
            sizes_text(row),
            price_text(row) if row.get("billed") else asleep_text(row) or "not billed",
            styled(row.get("verdict")),
            row.get("operation"),
        ]
        for row in rows_of(page)
    ]
    print_problems(page)
    print_rows(columns, rows, if_empty="There are no environments.")


def print_environment(environment: Fields) -> None:
    """Print one environment."""
    billed = "billed" if environment.get("billed") else "not billed now"
    print_fields(
        [
            ("name", environment.get("name")),
            ("state", styled(environment.get("state"))),
            ("memory", "kept: the next start resumes it" if environment.get("hibernated") else None),
            ("problem", environment.get("problem")),
            ("ready", None if environment.get("ready") else NOT_READY),
            ("operation", environment.get("operation")),
            ("blueprint", environment.get("blueprint")),
            ("owner", environment.get("owner")),
            ("region", environment.get("region")),
            ("depends on", _listed(environment.get("depends_on"))),
            *(("not in spec", identifier) for identifier in environment.get("drift") or []),
            ("size", sizes_text(environment)),
            ("placement", placement_text(environment.get("placement"))),
            ("price", f"{price_text(environment) or 'unknown'} ({billed})"),
            *_fees(environment),
            ("by use", _listed(environment.get("billed_by_use"))),
            *_costs(environment.get("costs") or {}),
            *_states(environment),
            *_connection(environment),
            ("open", environment.get("open_url")),
            ("verdict", environment.get("verdict")),
            ("schedule", environment.get("schedule")),
            ("hold", hold_text(environment.get("hold"))),
            ("lease", lease_text(environment.get("lease"))),
            ("planned", (environment.get("planned") or {}).get("text")),
            ("observed", time_text(environment.get("observed_at"))),
        ],
        prose=PROSE,
    )


def print_connection(environment: Fields) -> None:
    """Print how to connect to an environment."""
    print_fields(_connection(environment))


def sizes_text(environment: Fields) -> str:
    """The sizes of its machines, as "2 x Standard_D4s_v5"."""
    counted = Counter(str(each["size"]) for each in rows_in(environment, "resources") if each.get("size"))
    return ", ".join(size if count == 1 else f"{count} x {size}" for size, count in counted.items())


def placement_text(placement: Fields | None) -> str:
    """Where an environment was built instead, or "" if it is where its spec asks first."""
    if not placement:
        return ""
    zone = f"zone {placement['zone']} of " if placement.get("zone") else ""
    where = f"{placement.get('size') or 'built'} in {zone}{placement.get('region')}"
    return f"{where}; Azure had no capacity where the spec asks first"


def _alternative(row: Fields) -> list[str]:
    return [str(row.get("size") or ""), str(row.get("zone") or "any"), str(row.get("region") or ""), price_text(row)]


def _states(environment: Fields) -> list[tuple[str, Any]]:
    """The state of each resource, if there are several that can be stopped."""
    powered = [each for each in rows_in(environment, "resources") if each.get("state")]
    return [(str(each.get("name")), styled(each.get("state"))) for each in powered] if len(powered) > 1 else []


def _fees(row: Fields) -> list[tuple[str, str]]:
    """What is billed even while it sleeps, and what has no known price; the latter makes the sums lower bounds."""
    asleep, unpriced = price_text(row, "price_asleep_per_hour"), ", ".join(map(str, row.get("unpriced") or []))
    return [
        *([("asleep", f"{asleep} is billed even while it sleeps")] if asleep else []),
        *([("unpriced", f"no price is known for {unpriced}")] if unpriced else []),
    ]


def _costs(costs: Fields) -> list[tuple[str, str]]:
    """What it costs if it is left on, what was spent in this month, and what sleep has saved."""
    left_on, spent, saved = (money_text(costs, name) for name in ("per_month", "this_month", "saved"))
    least, asleep = "at least " if costs.get("at_least") else "", costs.get("hours_asleep") or 0.0
    hours = f"{costs.get('hours_this_month') or 0:.1f} h"
    return [
        ("monthly", f"{left_on} if it is left on" if left_on else ""),
        ("spent", f"{least}{spent or 'unknown'} this month, for {hours}" if costs else ""),
        ("saved", f"{saved} this month, asleep for {asleep:.1f} h" if saved and asleep else ""),
    ]


def _connection(environment: Fields) -> list[tuple[str, str]]:
    endpoints = rows_in(environment, "endpoints")
    usernames = dict.fromkeys(str(each["username"]) for each in endpoints if each.get("username"))
    password = f"dormouse password {environment.get('name')}" if environment.get("secrets") else ""
    rows = [row for each in endpoints for row in _endpoint_rows(each)]
    users = ", ".join(str(each["username"]) for each in rows_in(environment, "secrets") if each.get("username"))
    others = f"{users} ({password} --user NAME)" if users else ""
    return [*rows, ("username", ", ".join(usernames)), ("password", password), ("users", others)]


def _listed(values: object) -> str:
    return ", ".join(map(str, values)) if isinstance(values, list) else ""


def _endpoint_rows(endpoint: Fields) -> list[tuple[str, str]]:
    return [(str(endpoint.get("kind")), _endpoint(endpoint)), ("", str(endpoint.get("note") or ""))]


def _endpoint(endpoint: Fields) -> str:
    return str(endpoint.get("command") or f"{endpoint.get('host')}:{endpoint.get('port')}")


def _price_with_scope(row: Fields) -> str:
    """The price and what it covers, as "0.59 USD/h, for the machine while it is allocated"."""
    covers = f", for {row['price_covers']}" if row.get("price_covers") else ""
    return f"{price_text(row)}{covers}" if price_text(row) else "unknown"
