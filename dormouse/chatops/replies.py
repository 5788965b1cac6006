"""What people in chats are told: cards made from what the routes answer."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from dormouse.access.roles import Channel
from dormouse.chatops.parser import OFF, USAGE, Command, Word
from dormouse.clock import moment_text
from dormouse.environments.results import OutcomeStatus
from dormouse.errors import ControlPlaneError, InvalidSpec
from dormouse.http.problems import title_of
from dormouse.lifecycle import State
from dormouse.notifications.cards import Button, Card

LATER = {
    Channel.SLACK: "What comes of it is said here.",
    Channel.TEAMS: "Ask how it stands in a moment.",
    Channel.GENERIC: "Ask how it stands in a moment.",
}
TAKES = {
    Word.UP: "It is being built, and ready when every check inside it has passed; that usually takes ten to twenty minutes.",
    Word.START: "Its machine is being started; that usually takes a minute or two.",
    Word.STOP: "Its machine is being deallocated, and is not billed from then on; that usually takes a minute or two.",
    Word.RESTART: "Its machine is being restarted; that usually takes a minute or two.",
    Word.DELETE: "It is being deleted with everything that belongs to it; that usually takes some minutes.",
}
KEEP_AWAKE = "2h"
WORTH_A_LINE = 10


def help_card(complaint: str = "") -> Card:
    """What can be said."""
    lines = tuple(f"{usage}: {meaning}" for usage, meaning in USAGE.values())
    return Card(complaint or "Dormouse takes these words", lines=lines)


def understood_card(command: Command, door: Channel) -> Card:
    """That a command is on its way."""
    return Card(f"Understood: {command.about(command.name)}", f"It is on its way. {LATER.get(door, '')}".strip())


def problem_card(error: ControlPlaneError) -> Card:
    """A "no" in words."""
    lines = tuple(f"{fault.pointer}: {fault.detail}" for fault in error.faults) if isinstance(error, InvalidSpec) else ()
    return Card(title_of(error), str(error), lines=lines)


def choices_card(command: Command, names: Sequence[str]) -> Card:
    """Which environments may have been meant; nobody guesses."""
    if not names:
        said = f"There is no environment like {command.name!r}." if command.name else "There is no environment yet."
        return Card(said, "Say 'status' to see them all.", buttons=(Button("Show all", str(Word.STATUS)),))
    said = f"There is no {command.name!r}." if command.name else f"{command.word.capitalize()} which one?"
    asked = replace(command, sure=False)  # who was sure of another name is not sure of this one
    buttons = tuple(Button(name, asked.about(name)) for name in names)
    return Card(said, "Did you mean one of these?" if command.name else "", lines=tuple(names), buttons=buttons)


def sure_card(view: dict[str, Any]) -> Card:
    """Whether somebody really wants to delete an environment."""
    name = str(view["name"])
    words = f"Its machine, its disks and its storage go with it, and nothing brings them back. It is {view['state']}."
    yes = Button(f"Delete {name}", f"{Word.DELETE} {name} yes", sure=f"Delete {name} with everything in it?")
    return Card(f"Delete {name}?", words, _facts(view), buttons=(yes,))


def begun_card(command: Command, operation: str, door: Channel) -> Card:
    """That an operation has begun, and when more can be said."""
    words = f"{TAKES.get(command.word, 'It is being done.')} {LATER.get(door, '')}".strip()
    look = Button("How does it stand?", f"{Word.STATUS} {command.name}")
    return Card(f"{command.name}: {command.word} has begun", words, (("Operation", operation),), buttons=(look,))


def going_on_card(environment: str, operation: dict[str, Any]) -> Card:
    """How far an operation has come."""
    counts = operation["step_counts"]
    done = counts.get("done", 0) + counts.get("unchanged", 0)
    words = f"{done} of {sum(counts.values())} steps are done." if counts else "It has just begun."
    look = Button("How does it stand?", f"{Word.STATUS} {environment}")
    return Card(
        f"{environment}: {operation['verb']} is under way", words, (("Operation", operation["id"]),), buttons=(look,)
    )


def ended_card(operation: dict[str, Any], view: dict[str, Any] | None) -> Card:
    """How an operation has ended, and how its environment stands now."""
    good = operation["state"] == OutcomeStatus.SUCCEEDED
    title = f"{operation['environment']}: {operation['verb']} " + ("is done" if good else f"has {operation['state']}")
    lines = tuple(f"{leftover} is left" for leftover in operation.get("leftovers", ()))
    if view is None:
        return Card(title, operation["explanation"], lines=lines)
    return Card(title, operation["explanation"], _facts(view), lines, _next(view))


def picture_card(view: dict[str, Any]) -> Card:
    """How an environment stands."""
    text = str(view["problem"])
    if view["operation"]:
        text = f"Operation {view['operation']} is under way. {text}".strip()
    return Card(f"{view['name']} is {view['state'].replace('_', ' ')}", text, _facts(view), buttons=_next(view))


def list_card(content: dict[str, Any]) -> Card:
    """How all environments stand."""
    pictures = content["value"]
    if not pictures:
        return Card("There is no environment yet", f"Say: {USAGE[Word.UP][0]}")
    lines = tuple(f"{each['name']}: {each['state']}, {each['size']}, {each['owner']}{_per_hour(each)}" for each in pictures)
    more = " There are more." if content["next"] else ""
    running = sum(each["billed"] for each in pictures)
    counted = "1 environment" if len(pictures) == 1 else f"{len(pictures)} environments"
    return Card(f"{counted}, {running} billed at this moment", more.strip(), lines=lines)


def hold_card(name: str, content: dict[str, Any]) -> Card:
    """Until when a machine is kept awake."""
    hold = content["hold"]
    if not hold:
        return Card(f"{name} is no longer kept awake", "It is stopped when nobody uses it, after a warning.")
    until = moment_text(hold["until"])
    words = f"It is not stopped for being idle before {until}; that ends by itself."
    if content.get("kept") == "longer":
        words = f"A longer hold by {hold['by']} until {until} stays; {f'{Word.HOLD} {name} {OFF}'!r} ends it."
    return Card(f"{name} stays awake", words, buttons=(Button("No longer", f"{Word.HOLD} {name} off"),))


def lease_card(name: str, content: dict[str, Any]) -> Card:
    """When a lease runs out, and what happens then."""
    lease = content["lease"]
    if not lease:
        return Card(f"{name} has no lease any more")
    done = {"stop": "stopped", "delete": "deleted"}[lease["then"]]
    words = f"You are warned before. Say {f'{Word.EXTEND} {name} 8h'!r} to make it later."
    return Card(f"{name} will be {done} at {moment_text(lease['until'])}", words)


def password_card(name: str, content: dict[str, Any]) -> Card:
    """Where a password is kept: it is shown by the key vault only, to those who may read it there."""
    words = f"It is in the key vault, and you read it there with your own rights: {content['secret_uri']}"
    return Card(f"The password of {name}", words)


def idle_card(report: dict[str, Any]) -> Card:
    """What the last sweep has found."""
    tally = report["tally"]
    if not report["sweep"]:
        return Card("No sweep has ended yet", "There is one every five minutes.", lines=tuple(report["problems"]))
    counted = ", ".join(f"{count} {kind}" for kind, count in sorted(tally["verdicts"].items(), key=lambda one: -one[1]))
    idle = [line for line in report["value"] if line["verdict"] in ("idle", "stopped_billed", "unknown")]
    lines = tuple(f"{line['name']} is {line['verdict']}. {line['sentence']} {line['then']}" for line in idle[:WORTH_A_LINE])
    when = _moment(report["as_of"])
    if not report["complete"]:
        counted = f", as far as it is known: {counted}" if counted else ""
        return Card(
            f"The last sweep did not see all machines{counted}", f"It ended {when}.", lines=(*report["problems"], *lines)
        )
    return Card(f"{tally['machines']} machines: {counted or 'none in scope'}", f"As the sweep saw it {when}.", lines=lines)


def _facts(view: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    hold, lease = view["hold"], view["lease"]
    facts = (
        ("State", str(view["state"]).replace("_", " ")),
        ("Machine", f"{view['size']} in {view['region']}"),
        ("Price", _price(view)),
        ("Owner", str(view["owner"])),
        ("Address", str(view["address"]) if view["state"] == State.RUNNING else ""),
        ("Kept awake", f"until {moment_text(hold['until'])}, {hold['by']}" if hold else ""),
        ("Lease", f"{lease['then']} at {moment_text(lease['until'])}" if lease else ""),
        ("Verdict", str(view["verdict"])),
    )
    return tuple((name, value) for name, value in facts if value)


def _next(view: dict[str, Any]) -> tuple[Button, ...]:
    name = view["name"]
    if view["operation"]:
        return (Button("How does it stand?", f"{Word.STATUS} {name}"),)
    if view["state"] == State.RUNNING:
        keep = Button("Keep awake for 2 hours", f"{Word.HOLD} {name} {KEEP_AWAKE}")
        return (Button("Stop", f"{Word.STOP} {name}"), keep)
    if view["state"] in (State.STOPPED, State.STOPPED_BILLED):
        return (Button("Start", f"{Word.START} {name}"),)
    return ()


def _price(view: dict[str, Any]) -> str:
    price = view["price"]
    if not price:
        return ""
    billed = "" if view["billed"] else " while it runs; it is not billed now"
    return f"{price['per_hour']:.2f} {price['currency']} an hour{billed}"


def _per_hour(view: dict[str, Any]) -> str:
    price = view["price"]
    return f", {price['per_hour']:.2f} {price['currency']}/h" if price and view["billed"] else ""


def _moment(text: str) -> str:
    return moment_text(datetime.fromisoformat(text).timestamp())
