"""The list of environments: narrowed and sorted over all of them, from one query of Resource Graph for each page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from activities.resources.environments import EnvironmentObservation
from dormouse.environments.operations import EnvironmentRecord
from dormouse.records.documents import Documents
from dormouse.services.context import Context
from dormouse.services.costs.environment_costs import Memory, memories_of
from dormouse.services.lists.selection import Chosen, Entry, Selection, Value, page_of
from dormouse.services.locks import running_operations
from dormouse.services.reconcile.findings import with_missing
from dormouse.services.views.environments import EnvironmentView, environment_view_of, shown_state, shown_to

NAME, STATE, VERDICT = "name", "state", "verdict"
RECORDED = ("owner", "blueprint", "region")
SORTS = (NAME, *RECORDED, STATE, VERDICT)
ALL = Selection()


@dataclass(frozen=True, slots=True)
class EnvironmentPage:
    """Some environments, where the next ones begin ("" at the end), what cannot be shown, and how many there are in all."""

    views: Sequence[EnvironmentView]
    after: str
    problems: Sequence[str]
    total: int


@dataclass(slots=True)
class _Known:
    """What has been looked up of some environments: what Azure shows, and what sweeps remember, by name."""

    locks: Mapping[str, str]
    seen: dict[str, EnvironmentObservation] = field(default_factory=dict)
    memories: dict[str, Memory] = field(default_factory=dict)


async def list_environments(limit: int, after: str, context: Context, selection: Selection = ALL) -> EnvironmentPage:
    """Some environments, by name unless asked otherwise; what Azure shows of them may be some seconds old.

    Raises InvalidRequest for a strange cursor, CloudUnavailable.
    """
    client, dependencies = context.client, context.dependencies
    known = _Known(await running_operations(client, dependencies.records, dependencies.now()))
    if selection.narrows or selection.column not in ("", NAME) or selection.sort.startswith("-"):
        unreadable, chosen = await _chosen(limit, after, selection, known, context)
    else:
        page, following = await dependencies.records.environments(limit=limit, after=after)
        total = len(await dependencies.records.environment_names())
        unreadable, chosen = page, Chosen(list(page.readable.values()), following, total)
    await _look_up(chosen.items, known, context)
    views = []
    for record in chosen.items:
        operation, memory = known.locks.get(record.name, ""), known.memories[record.name]
        view = await environment_view_of(record, known.seen.get(record.name), operation, dependencies, memory)
        views.append(shown_to(context.caller, record, view))
    problems = [str(error) for error in unreadable.unreadable.values()]
    views = await with_missing(views, dependencies)
    return EnvironmentPage(views, chosen.after, problems, chosen.total)


async def _chosen(
    limit: int, after: str, selection: Selection, known: _Known, context: Context
) -> tuple[Documents[EnvironmentRecord], Chosen[EnvironmentRecord]]:
    """One page of the environments that were asked for; Azure is asked about all of them only if their state matters."""
    every = await context.dependencies.records.all_environment_documents()
    by_record = Selection({**selection.only(*RECORDED).filters}, selection.search)
    wanted = [one for one in every.readable.values() if by_record.allows(_recorded(one), _searched(one))]
    if selection.needs(STATE, VERDICT):
        await _look_up(wanted, known, context)
        by_state = selection.only(STATE, VERDICT)
        wanted = [one for one in wanted if by_state.allows(partial(_shown, record=one, known=known), ())]
    column = selection.column or NAME
    entries = (Entry(_shown(column, one, known), one.name, one) for one in wanted)
    return every, page_of(entries, selection.sort or NAME, limit=limit, after=after)


async def _look_up(records: Sequence[EnvironmentRecord], known: _Known, context: Context) -> None:
    """Look up what Azure shows and sweeps remember of those environments that have not been looked up yet."""
    missing = [record for record in records if record.name not in known.memories]
    if missing:
        known.seen |= await context.dependencies.environments.observe_all(missing)
        known.memories |= await memories_of(missing, context.dependencies)


def _recorded(record: EnvironmentRecord) -> Callable[[str], Value]:
    return lambda column: str(getattr(record, column))


def _searched(record: EnvironmentRecord) -> tuple[str, ...]:
    return (record.name, record.owner, record.blueprint, record.region)


def _shown(column: str, record: EnvironmentRecord, known: _Known) -> Value:
    if column == STATE:
        return shown_state(known.seen.get(record.name), known.locks.get(record.name, "")).value
    if column == VERDICT:
        first = known.memories[record.name].first
        return (first.verdict if first else "") or None
    return str(getattr(record, column))
