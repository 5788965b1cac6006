"""Promotions of images as callers see them: what would be done, and what is there already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from dormouse.lifecycle import State, Verb
from dormouse.services.views.operations import RefusalView
from dormouse.services.views.schema import schema
from dormouse.text.doc import doc

DIGEST = "sha256:622731d3e3a16b11a1f318b1c5018d0c44996b4c096b864fe2eac5b8beab535a"


@schema("PromotedImage")
@dataclass(frozen=True, slots=True)
class PromotedImage:
    """An image that the target registry has already, with the same digest; nothing was changed."""

    name: Annotated[str, doc("The name of the environment.", "mlenv-int")]
    image: Annotated[str, doc("The repository and tag.", "trainer:1.4")]
    digest: Annotated[str, doc("The digest that the tag points at in both registries.", DIGEST)]
    source: Annotated[str, doc("The registry that it comes from.", "staging")]
    target: Annotated[str, doc("The registry that has it.", "healthy")]


@schema("PromotionPreview")
@dataclass(frozen=True, slots=True)
class PromotionPreview:
    """What a promotion would do, and what would be refused."""

    environment: Annotated[str, doc("The name of the environment.", "mlenv-int")]
    would: Annotated[Verb, doc("What would be done.", "promote-image")]
    state: Annotated[State, doc("Its state now.", "ready")]
    image: Annotated[str, doc("The repository and tag.", "trainer:1.4")]
    digest: Annotated[str | None, doc("The digest that would be promoted; null if it is unknown.", DIGEST)]
    source: Annotated[str, doc("The registry that it comes from.", "staging")]
    target: Annotated[str, doc("The registry that would get it.", "healthy")]
    replaces: Annotated[str | None, doc("The digest that the tag points at in the target now; null if there is none.", None)]
    refusals: Annotated[tuple[RefusalView, ...], doc("Why it would be refused, as far as it can be checked before.", [])]
