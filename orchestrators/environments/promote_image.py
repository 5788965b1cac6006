"""Promotion of an image: the digest first, then the import by digest, then the digest in the target."""

from dataclasses import replace
from typing import Any

from activities.resources.platform.promotions import find_image, import_image
from dormouse import serialization
from dormouse.environments.promotions import ImageAnswer, ImageImport, ImageQuestion, Promotion
from dormouse.environments.results import Outcome, OutcomeStatus, Refusal, RefusalReason
from dormouse.resources.plan import Resource
from orchestrators.complete import run_operation
from orchestrators.durable import Context, Orchestration, poll_to_end, refusal_in, run, run_all, sleep
from orchestrators.progress import DONE, REFUSED, ProgressTracker

TRIES, BETWEEN_TRIES = 6, 10.0  # seconds
NOTHING_CHANGED = "Nothing was changed."
PROMOTED = "{image} is in the registry {target} now, copied from {source}, with the digest {digest}.{replaced}"
REPLACED = " Before, the tag pointed at {digest}."
THERE = "{image} is in the registry {target} already, with the same digest {digest}; nothing was changed."
MISSING = "The registry {source} has no image {asked}."
TAKEN = "The registry {target} has {image} already, with another digest: {there}, and not {digest}."
NAME_DIGEST = "Name the image with its digest, which is then imported without reading the registry."
ALLOW = "Allow it with `force`, or choose another tag."
UNREAD = "Warning: the digest in {target} could not be read back. {problem}"
NOT_THERE = "Azure reported success, but the registry {target} does not show {image} with this digest."


def promote_image(context: Context) -> Orchestration[Any]:
    """Copy an image from one registry of an environment to another, by its digest; the outcome has the digest."""
    request = serialization.decode(Promotion, context.get_input())
    tracker = ProgressTracker(context)
    work = _promote(context, request, tracker)
    return (yield from run_operation(context, request.operation, request.environment, tracker, work))


def _promote(context: Context, request: Promotion, tracker: ProgressTracker) -> Orchestration[Outcome]:
    tracker.begin("preflight")
    image, target = request.image, request.target
    sought = image.digest or image.tag
    source, there = yield from run_all(
        context, [_asked(request.source, request, sought), _asked(target, request, image.tag)]
    )
    refusal = refusal_of_promotion(request, source, there)
    tracker.end("preflight", REFUSED if refusal else DONE)
    if refusal:
        return Outcome(OutcomeStatus.REFUSED, f"{NOTHING_CHANGED} {refusal.explained()}", (refusal,))
    exact = replace(image, digest=source.digest or image.digest)
    if there.digest == exact.digest:
        return Outcome(OutcomeStatus.SUCCEEDED, _words(THERE, request, exact.digest))
    tracker.begin("import", needs=("preflight",))
    # A tag that appears in the time between is refused by Azure itself, unless it may be replaced.
    wanted = ImageImport(request.source, target, exact, request.force)
    answer = yield from poll_to_end(context, import_image, wanted)
    refused = refusal_in(answer, "import")
    tracker.end("import", REFUSED if refused else DONE)
    if refused:
        return Outcome.failed([refused], undone=NOTHING_CHANGED)
    replaced = REPLACED.format(digest=there.digest) if there.digest else ""
    promoted = _words(PROMOTED, request, exact.digest, replaced=replaced)
    return (yield from _verify(context, request, exact.digest, promoted, tracker))


def _verify(
    context: Context, request: Promotion, digest: str, promoted: str, tracker: ProgressTracker
) -> Orchestration[Outcome]:
    """Read the digest back; a registry that may not be read is told, and one that shows another digest is a failure."""
    tracker.begin("verify", needs=("import",))
    for look in range(TRIES):
        shown = yield from run(context, *_asked(request.target, request, request.image.tag))
        if shown.problem or shown.digest == digest:
            tracker.end("verify", DONE)
            warnings = [UNREAD.format(target=request.target.name, problem=shown.problem)] if shown.problem else []
            return Outcome(OutcomeStatus.SUCCEEDED, " ".join([promoted, *warnings]))
        if look + 1 < TRIES:
            yield from sleep(context, BETWEEN_TRIES)
    tracker.end("verify", REFUSED)
    return Outcome.failed([Refusal(RefusalReason.FAILED_LATE, _words(NOT_THERE, request, digest), step="verify")])


def refusal_of_promotion(request: Promotion, source: ImageAnswer, there: ImageAnswer) -> Refusal | None:
    """Why an image cannot be promoted, by what both registries show; what is unknown of the target is left to Azure."""
    if source.problem and not request.image.digest:
        return Refusal(RefusalReason.FORBIDDEN, source.problem, advice=NAME_DIGEST)
    if not source.problem and not source.digest:
        return Refusal(RefusalReason.NOT_FOUND, _words(MISSING, request, request.image.digest))
    digest = source.digest or request.image.digest
    if there.digest and there.digest != digest and not request.force:
        words = _words(TAKEN, request, digest, there=there.digest)
        return Refusal(RefusalReason.CONFLICT, words, advice=ALLOW)
    return None


def _asked(registry: Resource, request: Promotion, reference: str) -> tuple[Any, ImageQuestion]:
    return find_image, ImageQuestion(registry, request.image.repository, reference)


def _words(template: str, request: Promotion, digest: str, **more: str) -> str:
    image = request.image
    names = {"image": image.name, "asked": image.asked, "digest": digest, **more}
    return template.format(source=request.source.name, target=request.target.name, **names)
