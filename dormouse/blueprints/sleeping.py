"""Specs of environments that sleep: after how much sleep they are deleted."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from dormouse.blueprints.fields import ForgetAfter
from dormouse.blueprints.spec import EnvironmentSpec
from dormouse.errors import Fault
from dormouse.text.doc import doc
from dormouse.text.durations import duration_text

FORGETS = (
    "With forget_after={after}, sweeps delete the environment when it has slept for so long and no one has started or held "
    "it; two warnings come before, and without their delivery nothing is deleted."
)


class SleepingSpec(EnvironmentSpec):
    """The spec of an environment that can be put to sleep as a whole."""

    changeable: ClassVar[frozenset[str]] = EnvironmentSpec.changeable | {"forget_after", "forget"}

    forget_after: Annotated[
        ForgetAfter | None,
        doc("After how much sleep the environment is deleted if no one starts or holds it; null for never.", "30d"),
    ] = None
    forget: Annotated[
        Literal["delete", "snapshot"],
        doc("Whether snapshots of the disks are taken before that deletion, and kept.", "snapshot"),
    ] = "delete"

    def misfits(self) -> Sequence[Fault]:
        """The faults of a deletion that is described and never comes."""
        if self.forget == "delete" or self.forget_after is not None:
            return super().misfits()
        return (*super().misfits(), Fault("/forget", "has no effect without `forget_after`; add it, or leave it out"))

    def warnings(self) -> Sequence[str]:
        """That it may be deleted without a further question."""
        if self.forget_after is None:
            return super().warnings()
        return (*super().warnings(), FORGETS.format(after=duration_text(self.forget_after)))
