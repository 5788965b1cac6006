"""Use case: an image of one container registry of an environment is copied to another, where tested images are."""

import asyncio
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from activities.resources.environments import has_power
from dormouse.environments.operations import EnvironmentRecord
from dormouse.environments.promotions import IMAGE_NAME, ContainerImage, ImageAnswer, ImageQuestion, Promotion
from dormouse.errors import CommandNotPossible, EnvironmentBusy, Fault, InvalidSpec
from dormouse.lifecycle import Verb, require
from dormouse.resources.plan import Resource
from dormouse.resources.platform.registries import CONTAINER_REGISTRY
from dormouse.services.context import Context
from dormouse.services.environments import own_environment
from dormouse.services.locks import running_operation
from dormouse.services.operations import Started, operation_of, start
from dormouse.services.views.operations import RefusalView
from dormouse.services.views.promotions import PromotedImage, PromotionPreview
from dormouse.text.doc import doc
from orchestrators.environments.promote_image import promote_image, refusal_of_promotion

STAGING, HEALTHY = "staging", "healthy"
NO_REGISTRIES = "{name} cannot promote images: it needs two container registries, and has {count}."
NO_SUCH = "{name} has no container registry {wanted!r}; its registries are: {known}"
LONGEST = 512


class PromotionRequest(BaseModel):
    """Which image is promoted, from which registry to which."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    image: Annotated[
        str,
        Field(max_length=LONGEST),
        IMAGE_NAME,
        doc("The image: repository:tag, with a digest or without.", "trainer:1.4"),
    ]
    source: Annotated[str, doc("The registry that has it, by its name in the plan.", STAGING)] = STAGING
    target: Annotated[str, doc("The registry that gets it, by its name in the plan.", HEALTHY)] = HEALTHY
    force: Annotated[bool, doc("Whether a tag that exists may be replaced.", False)] = False


async def promote(
    name: str, asked: PromotionRequest, context: Context, *, dry_run: bool
) -> Started | PromotedImage | PromotionPreview:
    """Copy an image to another registry of the environment, by its digest; nothing is started if it is there already.

    The owner and operators may do it. Raises EnvironmentBusy, CommandNotPossible for an environment without two registries,
    and InvalidSpec for a registry that it does not have.
    """
    client, dependencies = context.client, context.dependencies
    record = await own_environment(name, context)
    operation = operation_of(context, name, Verb.PROMOTE_IMAGE)
    source, target = _registries(record, asked)
    busy = await running_operation(client, dependencies.records, name, dependencies.now())
    if busy:
        raise EnvironmentBusy(name, busy)
    seen = await dependencies.environments.observe(record)
    require(seen.state, Verb.PROMOTE_IMAGE, subject=name, has_power=has_power(record.resources))
    request = Promotion(operation.id, name, source, target, ContainerImage.read(asked.image), asked.force)
    there, other = await _both(request, context)
    refusal = refusal_of_promotion(request, there, other)
    digest = there.digest or request.image.digest
    if not refusal and digest and other.digest == digest:
        return PromotedImage(name, request.image.name, digest, source.name, target.name)
    if dry_run:
        refusals = (RefusalView.of(refusal),) if refusal else ()
        replaces = other.digest if other.digest != digest else ""
        return PromotionPreview(
            name,
            Verb.PROMOTE_IMAGE,
            seen.state,
            request.image.name,
            digest or None,
            source.name,
            target.name,
            replaces or None,
            refusals,
        )
    return await start(context, operation, promote_image, request, seen=record)


def _registries(record: EnvironmentRecord, asked: PromotionRequest) -> tuple[Resource, Resource]:
    known = {one.name: one for one in record.resources if one.kind == CONTAINER_REGISTRY.name and not one.superseded}
    if len(known) < 2:
        raise CommandNotPossible(NO_REGISTRIES.format(name=record.name, count=len(known)))
    wanted = {"/source": asked.source, "/target": asked.target}
    words = ", ".join(sorted(known))
    faults = [
        Fault(pointer, NO_SUCH.format(name=record.name, wanted=registry, known=words))
        for pointer, registry in wanted.items()
        if registry not in known
    ]
    if asked.source == asked.target:
        faults.append(Fault("/target", "must be another registry than the source"))
    if faults:
        raise InvalidSpec(faults)
    return known[asked.source], known[asked.target]


async def _both(request: Promotion, context: Context) -> tuple[ImageAnswer, ImageAnswer]:
    """What both registries show of the image now; the operation looks again."""
    image, images = request.image, context.dependencies.images
    asked = (
        ImageQuestion(request.source, image.repository, image.digest or image.tag),
        ImageQuestion(request.target, image.repository, image.tag),
    )
    source, target = await asyncio.gather(*(images.find(each) for each in asked))
    return source, target
