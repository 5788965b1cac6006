"""Replies to chat commands: cards made from views."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from dormouse.access.roles import Channel
from dormouse.chatops.amounts import per_hour_text, price_text, spent_text
from dormouse.chatops.parser import OFF, Command
from dormouse.chatops.vocabulary import USAGE, Word
from dormouse.clock import moment_text, parse_moment
from dormouse.environments.results import OutcomeStatus
from dormouse.errors import ControlPlaneError, InvalidSpec
from dormouse.http.problems import title_of
from dormouse.lifecycle import State
from dormouse.notifications.cards import Button, Card
from dormouse.services.lists.environments import EnvironmentPage
from dormouse.services.sizes import SizePage
from dormouse.services.views.environments import EnvironmentView
from dormouse.services.views.machines import HoldView, IdleReport, LeaseView
from dormouse.services.views.operations import OperationView
from dormouse.services.views.previews import PasswordLocation
from dormouse.services.views.sizes import SizeView

LATER = {
    Channel.SLACK: "I'll post the result here.",
    Channel.TEAMS: "Check its status in a moment.",
    Channel.GENERIC: "Check its status in a moment.",
}
STARTED_TEXTS = {
    Word.UP: "It is being built, and is ready when all health checks pass; that usually takes 10 to 20 minutes.",
    Word.START: "It is being started; a VM usually takes 1 to 2 minutes.",
    Word.STOP: "It is being stopped, and its computing is not billed after that; a VM usually takes 1 to 2 minutes.",
    Word.RESTART: "It is being restarted; a VM usually takes 1 to 2 minutes.",
    Word.HIBERNATE: "Its memory is being written to its disk; a VM usually takes a few minutes.",
    Word.RESIZE: "Its size is being changed; if Azure rejects the new one, the old one is put back.",
    Word.ROTATE_PASSWORD: "Its password is being replaced; read the new one from the key vault when that has ended.",
    Word.DELETE: "It is being deleted with all its resources; that usually takes a few minutes.",
}
KEEP_AWAKE = "2h"
WORTH_A_LINE = 10


def help_card(complaint: str = "") -> Card:
    """The list of commands."""
    lines = tuple(f"{usage}: {meaning}" for usage, meaning in USAGE.values())
    return Card(complaint or "Dormouse commands", lines=lines)


def received_card(command: Command, channel: Channel) -> Card:
    """Confirms that a command was accepted."""
    return Card(f"Accepted: {command.about(command.name)}", LATER.get(channel, ""))


def problem_card(error: ControlPlaneError) -> Card:
    """Why a command was rejected."""
    lines = tuple(f"{fault.pointer}: {fault.detail}" for fault in error.faults) if isinstance(error, InvalidSpec) else ()
    return Card(title_of(error), str(error), lines=lines)


def choices_card(command: Command, names: Sequence[str]) -> Card:
    """Similar environments to choose from; nothing is done to any of them."""
    if not names:
        said = f"There is no environment like {command.name!r}." if command.name else "There are no environments yet."
        return Card(said, "Send 'status' to list all environments.", buttons=(Button("Show all", str(Word.STATUS)),))
    said = f"There is no {command.name!r}." if command.name else f"{command.word.capitalize()} which one?"
    asked = replace(command, sure=False)  # a confirmation holds for the name that was confirmed only
    buttons = tuple(Button(name, asked.about(name)) for name in names)
    return Card(said, "Did you mean one of these?" if command.name else "", lines=tuple(names), buttons=buttons)


def confirm_card(view: EnvironmentView) -> Card:
    """Asks for confirmation before an environment is deleted."""
    name = str(view.name)
    words = f"All its resources, disks and storage included, are deleted and cannot be restored. It is {view.state} now."
    yes = Button(f"Delete {name}", f"{Word.DELETE} {name} yes", sure=f"Delete {name} and everything in it?")
    return Card(f"Delete {name}?", words, _facts(view), buttons=(yes,))


def started_card(command: Command, operation: str, channel: Channel) -> Card:
    """Confirms that an operation has started."""
    words = f"{STARTED_TEXTS.get(command.word, 'The operation is running.')} {LATER.get(channel, '')}".strip()
    look = Button("Check status", f"{Word.STATUS} {command.name}")
    return Card(f"{command.name}: {command.word} started", words, (("Operation", operation),), buttons=(look,))


def progress_card(environment: str, operation: OperationView) -> Card:
    """The progress of a running operation."""
    counts = operation.step_counts
    done = counts.get("done", 0) + counts.get("unchanged", 0)
    words = f"{done} of {sum(counts.values())} steps are done." if counts else "It has just started."
    look = Button("Check status", f"{Word.STATUS} {environment}")
    return Card(f"{environment}: {operation.verb} is running", words, (("Operation", operation.id),), buttons=(look,))


def ended_card(operation: OperationView, view: EnvironmentView | None) -> Card:
    """The outcome of an operation, and the environment now."""
    good = operation.outcome is OutcomeStatus.SUCCEEDED
    title = f"{operation.environment}: {operation.verb} " + ("succeeded" if good else f"ended: {operation.outcome}")
    lines = tuple(f"Not deleted: {leftover}" for leftover in operation.leftovers)
    if view is None:
        return Card(title, operation.reason or "", lines=lines)
    return Card(title, operation.reason or "", _facts(view), lines, _next(view))


def environment_card(view: EnvironmentView) -> Card:
    """One environment."""
    text = view.problem or ""
    if view.operation:
        text = f"Operation {view.operation} is running. {text}".strip()
    return Card(f"{view.name} is {view.state.replace('_', ' ')}", text, _facts(view), buttons=_next(view))


def list_card(page: EnvironmentPage) -> Card:
    """A list of environments."""
    views = page.views
    if not views:
        return Card("There are no environments yet", f"Send: {USAGE[Word.UP][0]}")
    lines = tuple(", ".join(filter(None, _in_a_list(each))) for each in views)
    more = " There are more environments than are shown." if page.after else ""
    running = sum(each.billed for each in views)
    counted = "1 environment" if len(views) == 1 else f"{len(views)} environments"
    return Card(f"{counted}, {running} billed now", more.strip(), lines=lines)


def sizes_card(region: str, page: SizePage) -> Card:
    """The cheapest VM sizes of a region."""
    if not page.views:
        return Card(f"There are no such sizes in {region}", " ".join(page.problems))
    more = "There are more sizes than are shown; name a GPU (gpu=…) or a price (max_price=…)." if page.after else ""
    return Card(
        f"The cheapest sizes in {region}",
        " ".join([*page.problems, more]).strip(),
        lines=tuple(", ".join(filter(None, _size(view))) for view in page.views),
    )


def _size(view: SizeView) -> Iterator[str]:
    price, spot = view.price_per_hour, view.spot_price_per_hour
    yield f"{view.name}: {view.vcpus} vCPUs"
    yield f"{view.memory_gib:g} GiB"
    yield f"{view.gpus} x {view.gpu}" if view.gpu else ""
    yield f"{price.amount:g} {price.currency}/h" if price else "price unknown"
    yield f"Spot {spot.amount:g} {spot.currency}/h" if spot else ""
    yield view.problem or ""


def hold_card(name: str, view: HoldView) -> Card:
    """The hold of a machine."""
    hold = view.hold
    if not hold:
        return Card(f"The hold on {name} was removed", "It is stopped when it is idle, after a warning.")
    until = _moment(hold.until)
    words = f"It is not stopped for being idle before {until}. The hold ends by itself."
    if view.kept == "longer":
        words = f"A longer hold by {hold.by} until {until} stays in place; {f'{Word.HOLD} {name} {OFF}'!r} removes it."
    return Card(f"{name} stays awake", words, buttons=(Button("Remove hold", f"{Word.HOLD} {name} off"),))


def lease_card(name: str, view: LeaseView) -> Card:
    """The lease of an environment."""
    lease = view.lease
    if not lease:
        return Card(f"{name} has no lease")
    done = {"stop": "stopped", "delete": "deleted"}[lease.then]
    words = f"You are warned before that. Send {f'{Word.EXTEND} {name} 8h'!r} to renew the lease."
    return Card(f"{name} will be {done} at {_moment(lease.until)}", words)


def password_card(name: str, location: PasswordLocation) -> Card:
    """Where a password is kept: Key Vault shows it to those who may read it there."""
    words = f"Read it from Key Vault with your own permissions: {location.secret_uri}"
    return Card(f"The password of {name}", words)


def idle_card(report: IdleReport) -> Card:
    """What the last sweep found."""
    summary = report.summary
    if not report.sweep:
        return Card("No sweep has ended yet", "Sweeps run every 5 minutes.", lines=tuple(report.problems))
    counted = ", ".join(f"{count} {kind}" for kind, count in sorted(summary.verdicts.items(), key=lambda one: -one[1]))
    idle = [line for line in report.value if line.verdict in ("idle", "stopped_billed", "evicted", "unknown")]
    lines = tuple(
        f"{line.name} is {line.verdict}. {line.reason} {line.next_action_text or ''}".strip() for line in idle[:WORTH_A_LINE]
    )
    when = _moment(report.as_of or "")
    if not report.complete:
        counted = f"; of those that it saw: {counted}" if counted else ""
        return Card(
            f"The last sweep did not see all machines{counted}", f"It ended at {when}.", lines=(*report.problems, *lines)
        )
    return Card(
        f"{summary.machines} machines: {counted or 'none in scope'}", f"As of the sweep that ended at {when}.", lines=lines
    )


def _facts(view: EnvironmentView) -> tuple[tuple[str, str], ...]:
    hold, lease = view.hold, view.lease
    facts = (
        ("State", str(view.state).replace("_", " ") + (", hibernated" if view.hibernated else "")),
        ("Size", _sizes(view)),
        ("Region", view.region),
        ("Price", price_text(view)),
        ("Owner", str(view.owner)),
        *((one.kind.upper(), f"{one.command} ({one.note})" if one.note else one.command) for one in view.endpoints),
        ("This month", spent_text(view)),
        ("Hold", f"until {_moment(hold.until)}, {hold.by}" if hold else ""),
        ("Lease", f"{lease.then} at {_moment(lease.until)}" if lease else ""),
        ("Planned", view.planned.text if view.planned else ""),
        ("Verdict", view.verdict or ""),
    )
    return tuple((name, value) for name, value in facts if value)


def _next(view: EnvironmentView) -> tuple[Button, ...]:
    name = view.name
    if view.operation:
        return (Button("Check status", f"{Word.STATUS} {name}"),)
    stop, start = Button("Stop", f"{Word.STOP} {name}"), Button("Start", f"{Word.START} {name}")
    opens = (Button("Open", url=view.open_url),) if view.open_url else ()
    if view.state is State.RUNNING:
        return (stop, Button("Keep awake for 2 hours", f"{Word.HOLD} {name} {KEEP_AWAKE}"), *opens)
    if view.state is State.PARTIAL:
        return (start, stop, *opens)
    return (start, *opens) if view.state in (State.STOPPED, State.STOPPED_BILLED) else ()


def _sizes(view: EnvironmentView) -> str:
    """The sizes of its machines, as "2 x Standard_D4s_v5"."""
    counted = Counter(one.size for one in view.resources if one.size)
    return ", ".join(size if count == 1 else f"{count} x {size}" for size, count in counted.items())


def _in_a_list(view: EnvironmentView) -> tuple[str, ...]:
    return (f"{view.name}: {view.state}", _sizes(view), view.owner + per_hour_text(view))


def _moment(text: str) -> str:
    return moment_text(parse_moment(text)) if text else ""
