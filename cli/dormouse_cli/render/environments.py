"""Blueprints, environments, plans and previews as text."""

from dormouse_cli.output import print_fields, print_lines, print_table, styled
from dormouse_cli.render.values import (
    Fields,
    default_text,
    hold_text,
    lease_text,
    price_text,
    print_problems,
    print_rows,
    rows_of,
    time_text,
)

CHANGES = {"create": "would be created", "change": "would be updated", "nothing": "already matches the spec"}
NOT_READY = "no: the health checks have not passed yet"


def print_blueprints(page: Fields) -> None:
    """Print the blueprints, with prices if a region was given."""
    blueprints = rows_of(page)
    if any(blueprint.get("price_per_hour") for blueprint in blueprints):
        rows = [[each.get("name"), each.get("size"), price_text(each), each.get("summary")] for each in blueprints]
        print_table(("name", "size", "price", "description"), rows)
    else:
        print_table(("name", "size", "description"), [[e.get("name"), e.get("size"), e.get("summary")] for e in blueprints])


def print_blueprint(blueprint: Fields) -> None:
    """Print a blueprint with its parameters."""
    print_lines(f"{blueprint.get('name')}: {blueprint.get('summary')}", "")
    schema, defaults = blueprint.get("parameters") or {}, blueprint.get("defaults") or {}
    required = schema.get("required") or []
    names = schema.get("properties") or {}
    rows = [[name, "required" if name in required else default_text(defaults.get(name))] for name in names]
    print_table(("parameter", "default"), rows)
    if blueprint.get("region"):
        print_lines("", f"{blueprint.get('size')} in {blueprint['region']}: {_price_with_scope(blueprint)}.")


def print_plan(preview: Fields) -> None:
    """Print what `up` would do: every resource, the price, and what would be refused."""
    would = CHANGES.get(str(preview.get("would")), str(preview.get("would")))
    print_lines(f"{preview.get('environment')} ({preview.get('blueprint')} in {preview.get('region')}) {would}:", "")
    resources = preview.get("resources") or []
    rows = [
        [each.get("name"), each.get("kind"), ", ".join(each.get("needs") or []), each.get("action")] for each in resources
    ]
    print_table(("resource", "kind", "needs", "action"), rows)
    print_lines("", f"Price: {_price_with_scope(preview)}.")
    for refusal in preview.get("refusals") or []:
        print_lines(f"Would be refused ({refusal.get('reason')}): {refusal.get('detail')}")


def print_command_preview(preview: Fields) -> None:
    """Print the dry run of a command in one line."""
    subject = preview.get("environment") or preview.get("machine")
    tags = ", ".join(f'{name}="{value}"' for name, value in (preview.get("tags") or {}).items())
    known = (("state", preview.get("state")), ("resource group", preview.get("group")), ("tags", tags))
    more = "; ".join(f"{name}: {value}" for name, value in known if value)
    print_lines(f"Would {preview.get('would')} {subject}{f' ({more})' if more else ''}. Nothing was changed.")


def print_environments(page: Fields) -> None:
    """Print a table of environments."""
    columns = ("name", "state", "region", "size", "price", "address", "verdict", "operation")
    rows = [
        [
            row.get("name"),
            styled(row.get("state")),
            row.get("region"),
            row.get("size"),
            price_text(row) if row.get("billed") else "not billed",
            row.get("address"),
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
            ("problem", environment.get("problem")),
            ("ready", None if environment.get("ready") else NOT_READY),
            ("operation", environment.get("operation")),
            ("blueprint", environment.get("blueprint")),
            ("owner", environment.get("owner")),
            ("region", environment.get("region")),
            ("size", environment.get("size")),
            ("price", f"{price_text(environment) or 'unknown'} ({billed})"),
            ("address", environment.get("address")),
            *_connection(environment),
            ("verdict", environment.get("verdict")),
            ("schedule", environment.get("schedule")),
            ("hold", hold_text(environment.get("hold"))),
            ("lease", lease_text(environment.get("lease"))),
            ("observed", time_text(environment.get("observed_at"))),
        ]
    )


def print_connection(environment: Fields) -> None:
    """Print how to connect to an environment."""
    print_fields(_connection(environment))


def _connection(environment: Fields) -> list[tuple[str, str]]:
    endpoints = [each for each in environment.get("endpoints") or [] if isinstance(each, dict)]
    password = f"dormouse password {environment.get('name')}" if environment.get("password_secret") else ""
    rows = [(str(each.get("kind")), _endpoint(each)) for each in endpoints]
    return [*rows, ("username", str(environment.get("username") or "")), ("password", password)]


def _endpoint(endpoint: Fields) -> str:
    return str(endpoint.get("command") or f"{endpoint.get('host')}:{endpoint.get('port')}")


def _price_with_scope(row: Fields) -> str:
    """The price and what it covers, as "0.59 USD/h, for the machine while it is allocated"."""
    covers = f", for {row['price_covers']}" if row.get("price_covers") else ""
    return f"{price_text(row)}{covers}" if price_text(row) else "unknown"
