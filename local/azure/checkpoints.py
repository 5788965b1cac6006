"""Checkpoints of the whole simulated Azure: a test can restore one many times and continue differently each time.

A checkpoint holds what a restarted simulation would read (documents), what it would have lost (the index of Resource Graph,
token buckets, messages, faults), and the simulated time. A restored simulation continues at that time.
"""

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from local.azure.core.requests import Request
from local.azure.core.responses import Answer, Refused
from local.azure.core.world import World


@dataclass(slots=True)
class Checkpoints:
    """The checkpoints of one world, by number; each is a simulated time and the complete state at that time."""

    taken: list[tuple[float, bytes]] = field(default_factory=list)

    def take(self, world: World) -> int:
        """Take a checkpoint and return its number; no simulated time passes while it is taken."""
        now = world.seconds()
        # Pickled, because a restored state must not share documents with a run that continues.
        self.taken.append((now, pickle.dumps(world.state())))
        world.set_clock(now)
        return len(self.taken) - 1

    def restore(self, world: World, number: int) -> None:
        """Restore the state of a checkpoint; raises IndexError."""
        then, state = self.taken[number]
        world.restore(pickle.loads(state), then)  # noqa: S301 - our own, and it has never left this process

    def resume(self, world: World, number: int) -> None:
        """Let simulated time go on from that of a checkpoint; raises IndexError."""
        then, _ = self.taken[number]
        world.set_clock(then)


OF_EACH: WeakKeyDictionary[World, Checkpoints] = WeakKeyDictionary()


def _take(world: World, _: Request) -> Answer:
    number = OF_EACH.setdefault(world, Checkpoints()).take(world)
    return Answer(201, {"id": number, "origin": world.clock.origin, "calls": dict(world.calls)})


def _restore(world: World, request: Request) -> Answer:
    return _back_to(world, request, Checkpoints.restore)


def _resume(world: World, request: Request) -> Answer:
    return _back_to(world, request, Checkpoints.resume)


def _change_speed(world: World, request: Request) -> Answer:
    try:
        world.change_speed(float(request.json()["speed"]))
    except ValueError as error:
        raise Refused(400, "InvalidParameter", str(error)) from None
    return Answer(200, {"origin": world.clock.origin})


def _back_to(world: World, request: Request, how: Callable[[Checkpoints, World, int], None]) -> Answer:
    try:
        how(OF_EACH.setdefault(world, Checkpoints()), world, int(request.json()["id"]))
    except IndexError:
        raise Refused(404, "NotFound", "There is no such checkpoint.") from None
    return Answer(200, {"origin": world.clock.origin})


HANDLERS = {
    ("POST", "checkpoints"): _take,
    ("POST", "checkpoints/restore"): _restore,
    ("POST", "checkpoints/resume"): _resume,
    ("PUT", "speed"): _change_speed,
}
