"""The control API: what lies outside clusters and decides what happens in them."""

from collections.abc import Callable

from local.azure.core.requests import Request
from local.azure.core.responses import Answer
from local.azure.core.world import World
from local.azure.kubernetes.kubelets import PEERS
from local.azure.kubernetes.pulls import parted
from local.azure.providers.containers.images import ABSENT


def _image(world: World, request: Request) -> Answer:
    body = request.json()
    host, repository, _ = parted(str(body["image"]))
    if body.get("exists", True):
        world.store.delete(ABSENT, f"{host}/{repository}")
    else:
        world.store.put(ABSENT, f"{host}/{repository}", {"image": body["image"]})
    return Answer(204)


def _peer(world: World, request: Request) -> Answer:
    body = request.json()
    if body.get("answer") is None:
        world.store.delete(PEERS, str(body["address"]))
    else:
        world.store.put(PEERS, str(body["address"]), {"answer": str(body["answer"])})
    return Answer(204)


HANDLERS: dict[tuple[str, str], Callable[[World, Request], Answer]] = {
    ("PUT", "images"): _image,
    ("PUT", "peers"): _peer,
}
