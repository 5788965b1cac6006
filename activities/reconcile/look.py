"""The activities of a pass: look for findings, compare them with those of earlier passes, and end the pass."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from activities.reconcile.reading import NOT_READ, WORDS, groups_there, read_azure, read_records
from dormouse.cloud.clients import Cloud
from dormouse.cloud.sdk_errors import ReadRefused
from dormouse.errors import CloudUnavailable, RefusedByAzure
from dormouse.reconcile.azure_view import AzureView, Recorded
from dormouse.reconcile.findings import ORPHANS, Finding, FindingKind, Policy, Sighting, digest_of, merged
from dormouse.reconcile.missing import candidates, group_ids, missing_in
from dormouse.reconcile.orphans import orphans_in
from dormouse.reconcile.passes import PassEnd, PassHead, PassRequest, PassResult
from dormouse.records.reconcile import ReconcileRecords
from dormouse.text.limits import MOST_PROBLEMS, first_of
from dormouse.text.log_events import log_event

log = logging.getLogger(__name__)

# The most environments of which one pass deletes orphans, side by side; the others wait for the next pass.
MOST_DELETIONS = 20
TWINS = "Nothing is deleted: {why}"


async def look_for_findings(request: PassRequest, cloud: Cloud) -> PassResult:
    """Find what has no record and what is recorded and gone, and store it with what earlier passes have found.

    Returns what is to be deleted now: orphans of this deployment that an earlier pass has seen an hour ago or more, if the
    policy says so and no other control plane has the same deployment ID. It can run again: each pass counts once.
    """
    view, problems, unseen = await read_azure(cloud)
    recorded = await read_records(cloud)  # after Azure: a new environment is on record before it has resources
    absent, unknown = await _absent_groups(view, recorded, cloud)
    view = replace(view, absent_groups=absent)
    if unknown:
        problems, unseen = (*problems, unknown), unseen | {FindingKind.MISSING_ENVIRONMENT}
    if request.locks_unread:
        problems, unseen = (*problems, request.locks_unread), unseen | {FindingKind.LOCK}
    records = ReconcileRecords(cloud.tables)
    stored = await records.findings()
    seen = [*orphans_in(view, recorded), *missing_in(view, recorded), *request.locks]
    findings = _merged_once(stored.readable, seen, request.began, unseen)
    news = {key: one for key, one in findings.items() if one.confirmed and not one.told}
    # Where something may be hidden, a group that looks empty may not be.
    acts = cloud.settings.reconcile is Policy.DELETE and not view.hidden
    deletions = _deletions(findings, recorded, request.began) if acts else {}
    if twins := await _twins(cloud) if deletions else "":
        problems, deletions = (*problems, TWINS.format(why=twins)), {}
    await records.write_findings(findings)
    await records.forget_findings(stored.readable.keys() - findings.keys())
    await records.write_head(PassHead(request.began, first_of(problems, MOST_PROBLEMS)))
    counts = Counter(one.sighting.kind.value for one in findings.values())
    return PassResult(deletions, digest_of(news.values()), dict(counts), tuple(problems))


async def note_told(request: PassRequest, cloud: Cloud) -> int:
    """Remember that people were told of every confirmed finding of this pass; returns how many were new."""
    records = ReconcileRecords(cloud.tables)
    news = {
        key: replace(one, told=True)
        for key, one in (await records.findings()).readable.items()
        if one.confirmed and not one.told and one.last_seen <= request.began
    }
    await records.write_findings(news)
    return len(news)


async def end_pass(request: PassEnd, cloud: Cloud) -> bool:
    """Write the line of the log that alerts read."""
    fields = {"findings": request.result.counts, "deleted": request.deleted, "failed": request.failed}
    others = {"released": request.released, "policy": cloud.settings.reconcile.value, "problems": request.result.problems}
    log.info("%s", log_event("reconciled", by=request.by, **fields, **others))
    return True


def _merged_once(
    known: Mapping[str, Finding], seen: list[Sighting], now: float, unseen: frozenset[FindingKind]
) -> dict[str, Finding]:
    """The findings after this pass; those that it has stored itself before, when this activity ran first, count once."""
    before = {
        key: replace(one, seen=one.seen - 1) if one.last_seen == now and one.seen > 1 else one for key, one in known.items()
    }
    first = {key: one for key, one in before.items() if not (one.last_seen == now and one.first_seen == now)}
    return merged(first, seen, now, unseen)


def _deletions(findings: Mapping[str, Finding], recorded: Recorded, now: float) -> dict[str, tuple[Sighting, ...]]:
    """What is to be deleted, by environment: all orphans of an environment, if each is proven to be ours, or none."""
    by_environment: dict[str, list[Finding]] = {}
    for one in findings.values():
        if one.sighting.kind in ORPHANS:
            by_environment.setdefault(one.sighting.environment, []).append(one)
    due = [
        (name, tuple(one.sighting for one in sorted(group, key=lambda each: each.sighting.id)))
        for name, group in sorted(by_environment.items())
        if name not in recorded.locked and all(one.deletable and one.may_be_tried(now) for one in group)
    ]
    return dict(due[:MOST_DELETIONS])


async def _absent_groups(view: AzureView, recorded: Recorded, cloud: Cloud) -> tuple[frozenset[str], str]:
    """The groups of recorded environments that Azure Resource Manager does not list either, and why that is not known."""
    asked = {group for record in candidates(view, recorded) for group in group_ids(record)}
    try:
        return (frozenset(asked - await groups_there(cloud)) if asked else frozenset()), ""
    except (CloudUnavailable, ReadRefused) as error:
        return frozenset(), NOT_READ.format(what=WORDS["groups"], why=error)


async def _twins(cloud: Cloud) -> str:
    """Why nothing may be deleted: another control plane with this deployment ID, or that is not known; or ""."""
    try:
        return (await cloud.deployments.neighbours()).twins
    except (CloudUnavailable, RefusedByAzure) as error:
        return f"It is not known whether another control plane has this deployment ID ({str(error).rstrip('.')})"
