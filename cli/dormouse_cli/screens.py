"""Screens: what the control plane answers, as people want to read it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from dormouse_cli.output import facts, plain, say, styled, table

Fields = dict[str, Any]


def blueprints(page: Fields) -> None:
    """The kinds of environment."""
    cards = _rows(page)
    rows = [[card.get("name"), card.get("size"), price(card), card.get("summary")] for card in cards]
    if any(card.get("price") for card in cards):
        table(("name", "size", "price", "what it is"), rows)
    else:
        table(("name", "size", "what it is"), [[name, size, summary] for name, size, _, summary in rows])


def blueprint(card: Fields) -> None:
    """One kind of environment with its parameters."""
    say(f"{card.get('name')}: {card.get('summary')}", "")
    schema, defaults = card.get("parameters") or {}, card.get("defaults") or {}
    required = schema.get("required") or []
    names = schema.get("properties") or {}
    rows = [[name, "required" if name in required else _short(defaults.get(name))] for name in names]
    table(("parameter", "default"), rows)
    if card.get("region"):
        say("", f"{card.get('size')} in {card['region']}: {price(card) or 'no price is known'}; {card.get('price_covers')}.")


def plan(dry_run: Fields) -> None:
    """What a wish would do."""
    would = {"create": "would be built", "change": "would be changed", "nothing": "is as the spec wants it"}
    what = would.get(str(dry_run.get("would")), str(dry_run.get("would")))
    say(f"{dry_run.get('environment')}, a {dry_run.get('blueprint')} in {dry_run.get('region')}, {what}:", "")
    steps = dry_run.get("steps") or []
    rows = [[step.get("name"), step.get("kind"), ", ".join(step.get("needs") or []), step.get("action")] for step in steps]
    table(("step", "kind", "needs", "would"), rows)
    say("", f"Price: {price(dry_run) or 'not known'}; {dry_run.get('price_covers')}.")
    for refusal in dry_run.get("refusals") or []:
        say(f"Would be refused ({refusal.get('reason')}): {refusal.get('detail')}")


def trial(answer: Fields) -> None:
    """What a command would do, in one line."""
    subject = answer.get("environment") or answer.get("machine")
    state = f" (it is {answer['state']})" if answer.get("state") else ""
    tags = "".join(f", {name}: {value}" for name, value in (answer.get("tags") or {}).items())
    say(f"Would {answer.get('would')} {subject}{state}{tags}. Nothing was done.")


def environments(page: Fields) -> None:
    """Every environment, one in a row."""
    columns = ("name", "state", "region", "size", "price", "address", "verdict", "under way")
    rows = [
        [
            row.get("name"),
            styled(row.get("state")),
            row.get("region"),
            row.get("size"),
            price(row) if row.get("billed") else "not billed",
            row.get("address"),
            styled(row.get("verdict")),
            row.get("operation"),
        ]
        for row in _rows(page)
    ]
    _problems(page)
    _table_or_word(columns, rows, "There is no environment.")


def environment(picture: Fields) -> None:
    """One environment."""
    connect = picture.get("connect") or {}
    billed = "billed" if picture.get("billed") else "not billed now"
    facts(
        [
            ("name", picture.get("name")),
            ("state", styled(picture.get("state"))),
            ("problem", picture.get("problem")),
            ("whole", None if picture.get("whole") else "no: it has not passed its checks yet"),
            ("under way", picture.get("operation")),
            ("blueprint", picture.get("blueprint")),
            ("owner", picture.get("owner")),
            ("region", picture.get("region")),
            ("size", picture.get("size")),
            ("price", f"{price(picture) or 'not known'} ({billed})"),
            ("address", picture.get("address")),
            ("ssh", connect.get("ssh")),
            ("desktop", connect.get("rdp")),
            ("password", f"dormouse password {picture.get('name')}" if picture.get("password_secret") else None),
            ("verdict", picture.get("verdict")),
            ("schedule", picture.get("schedule")),
            ("hold", _hold(picture.get("hold"))),
            ("lease", _lease(picture.get("lease"))),
            ("seen", _clock(picture.get("observed_at"))),
        ]
    )


def connection(picture: Fields) -> None:
    """How to get in."""
    connect = picture.get("connect") or {}
    secret = f"dormouse password {picture.get('name')}" if connect else None
    facts([("ssh", connect.get("ssh")), ("desktop", connect.get("rdp")), ("password", secret)])


def operations(page: Fields) -> None:
    """The trail."""
    rows = [
        [
            _clock(row.get("accepted_at")),
            row.get("verb"),
            row.get("environment"),
            styled(row.get("state")),
            f"{row.get('makespan_seconds') or 0:.0f} s",
            row.get("by"),
            row.get("id"),
        ]
        for row in _rows(page)
    ]
    _table_or_word(("accepted", "verb", "of", "state", "took", "by", "id"), rows, "There is no operation.")


def operation(view: Fields) -> None:
    """One operation with its steps."""
    rows = [
        [step.get("name"), styled(step.get("state")), _moment(step.get("began")), _moment(step.get("ended"))]
        for step in view.get("steps") or []
    ]
    if rows:
        table(("step", "state", "began", "ended"), rows)
        say("")
    say(f"{view.get('verb')} {view.get('environment')}: {view.get('state')}. {view.get('explanation')}")
    say(f"By {view.get('by')}, {_clock(view.get('accepted_at'))}.")
    for left in view.get("leftovers") or []:
        say(f"Left, and may cost money: {left}")


def machines(page: Fields) -> None:
    """Machines as the last sweep saw them."""
    rows = [[_machine(row), styled(row.get("state")), styled(row.get("verdict")), _why(row)] for row in _rows(page)]
    _problems(page)
    _table_or_word(
        ("machine", "state", "verdict", "why, and what happens"), rows, "The last sweep has seen no such machine."
    )


def report(page: Fields) -> None:
    """What sleeps, what will, and what that has saved."""
    if page.get("sweep"):
        looked = " (only looked)" if page.get("dry_run") else ""
        _tally(page.get("tally") or {}, f"{page['sweep']}{looked}, {_clock(page.get('as_of'))}")
    else:
        say("No sweep has ended yet.")
    _problems(page)
    rows = [
        [
            _machine(row),
            styled(row.get("verdict")),
            _why(row),
            f"{row.get('hours_asleep') or 0:.1f} h",
            f"{row.get('saved') or 0:.2f} {row.get('currency') or ''}",
        ]
        for row in _rows(page)
    ]
    if rows:
        say("")
        table(("machine", "verdict", "why, and what happens", "asleep", "saved"), rows)


def sweep(view: Fields) -> None:
    """What one sweep has found."""
    if view.get("state") == "lost":
        say(f"{view.get('id')} has ended without telling what it found.")
        return
    _tally(view.get("tally") or {}, f"{view.get('id')}{' (only looked)' if view.get('dry_run') else ''}")


def hold(answer: Fields, target: str) -> None:
    """What is on record after a hold."""
    held = _hold(answer.get("hold"))
    if held and answer.get("kept") == "longer":
        say(f"A longer hold stays: {target} is kept awake {held}. A duration of 0 ends it.")
        return
    say(f"{target} is kept awake {held}." if held else f"Nobody keeps {target} awake any more.")


def lease(answer: Fields, target: str) -> None:
    """What is on record after a lease."""
    leased = _lease(answer.get("lease"))
    say(f"{target} will be {leased}." if leased else f"Nothing happens to {target} at a set time any more.")


def price(row: Fields) -> str:
    """The price by the hour, or ""."""
    known = row.get("price") or {}
    return f"{known['per_hour']} {known.get('currency', '')}/h" if "per_hour" in known else ""


def _problems(page: Fields) -> None:
    """What a list does not show, or shows as it was earlier."""
    for problem in page.get("problems") or []:
        say(plain(problem))


def _tally(tally: Fields, title: str) -> None:
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in (tally.get("verdicts") or {}).items())
    say(f"{title}: {tally.get('machines', 0)} machine(s){f': {verdicts}' if verdicts else ''}.")
    if tally.get("hours_asleep"):
        say(f"Asleep because of us: {tally['hours_asleep']:.1f} hours, which would have cost {tally.get('saved') or 0:.2f}.")
    steps = [f"{step} {count}" for step, count in (tally.get("steps") or {}).items() if step != "nothing"]
    if steps:
        say(f"Done or to be done: {', '.join(steps)}.")
    for problem in tally.get("problems") or []:
        say(f"Problem: {problem}")


def _table_or_word(columns: Iterable[str], rows: list[list[Any]], otherwise: str) -> None:
    if rows:
        table(columns, rows)
    else:
        say(otherwise)


def _rows(page: Fields) -> list[Fields]:
    return [row for row in page.get("value") or [] if isinstance(row, dict)]


def _machine(row: Fields) -> str:
    parts = str(row.get("id", "")).split("/")
    group = f"{parts[4]}/" if len(parts) > 4 else ""
    return str(row.get("environment") or f"{group}{row.get('name')}")


def _why(row: Fields) -> Text:
    return Text(" ".join(plain(row[word]) for word in ("sentence", "then") if row.get(word)))


def _hold(held: Fields | None) -> str:
    if not held:
        return ""
    reason = f": {held['reason']}" if held.get("reason") else ""
    return f"until {_time(held.get('until'))} by {held.get('by')}{reason}"


def _lease(leased: Fields | None) -> str:
    if not leased:
        return ""
    verb = {"stop": "stopped", "delete": "deleted"}.get(str(leased.get("then")), leased.get("then"))
    return f"{verb} at {_time(leased.get('until'))} unless somebody extends that"


def _time(seconds: Any) -> str:
    return f"{datetime.fromtimestamp(float(seconds or 0), UTC):%Y-%m-%d %H:%M} UTC"


def _clock(text: Any) -> str:
    """A moment in ISO 8601 as people read it."""
    try:
        return f"{datetime.fromisoformat(str(text)).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return str(text or "")


def _moment(seconds: Any) -> str:
    return "" if seconds is None else f"{seconds:.1f} s"


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {part}" for name, part in value.items())
    return "" if value in (None, "") else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
