"""Handlers of the routes below /environments."""

import azure.functions as func

from dormouse.http.list_parameters import ENVIRONMENT_LIST, as_query, selection_of
from dormouse.http.parameters import AFTER, DRY_RUN, LIMIT, PURGE, SNAPSHOT, USER
from dormouse.http.requests import body_of, caller_address, model_of
from dormouse.http.responses import answer, api_url_of, page, respond
from dormouse.idle.holds import HoldRequest, LeaseRequest
from dormouse.lifecycle import Verb
from dormouse.services import environments
from dormouse.services.changes.hibernation import hibernate
from dormouse.services.changes.passwords import rotate
from dormouse.services.changes.promotions import PromotionRequest, promote
from dormouse.services.changes.resizing import ResizeRequest, resize
from dormouse.services.context import Context
from dormouse.services.deletion import delete
from dormouse.services.lists import environments as environment_lists
from dormouse.services.views.environments import EnvironmentList


async def put_environment(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Create an environment, or change it to the spec in the body; with `dry_run=true`, only show what would happen."""
    name, dry_run = req.route_params["name"], DRY_RUN.of(req)
    applied = await environments.apply(name, body_of(req), caller_address(req), context, dry_run=dry_run)
    return respond(applied, api_url_of(req, context.dependencies))


async def get_environment(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """One environment, as Azure shows it now."""
    return answer(await environments.show(req.route_params["name"], context))


async def list_environments(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Environments, from one query of Resource Graph; `fresh` is false, because they may be some seconds old."""
    limit = LIMIT.of(req)
    found = await environment_lists.list_environments(limit, AFTER.of(req), context, selection_of(req, ENVIRONMENT_LIST))
    query = {"limit": str(limit), **as_query(req, ENVIRONMENT_LIST)}
    return page(EnvironmentList, found.views, "/api/environments", found.after, query, found.problems, total=found.total)


async def start_environment(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Start everything in the environment that can be stopped."""
    return await _set_power(req, context, Verb.START)


async def stop_environment(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Stop the environment, so that its computing is no longer billed."""
    return await _set_power(req, context, Verb.STOP)


async def restart_environment(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Restart everything in the environment that can be stopped."""
    return await _set_power(req, context, Verb.RESTART)


async def post_hibernation(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Stop the environment and keep its memory; what cannot hibernate is treated as the spec's `hibernation` declares."""
    hibernated = await hibernate(req.route_params["name"], context, dry_run=DRY_RUN.of(req))
    return respond(hibernated, api_url_of(req, context.dependencies))


async def post_resize(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Change the VM size; a stopped environment stays stopped, and a running one is restarted only with `restart`."""
    name, asked = req.route_params["name"], model_of(ResizeRequest, body_of(req))
    return respond(await resize(name, asked, context, dry_run=DRY_RUN.of(req)), api_url_of(req, context.dependencies))


async def remove_environment(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Delete an environment with every resource that it owns; resources of others are kept and reported."""
    name, purge, dry_run, snapshot = req.route_params["name"], PURGE.of(req), DRY_RUN.of(req), SNAPSHOT.of(req)
    deleted = await delete(name, context, purge=purge, dry_run=dry_run, snapshot=snapshot)
    return respond(deleted, api_url_of(req, context.dependencies))


async def get_password(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Where the administrator's password is kept, or that of `user`: read it from Key Vault with your own rights."""
    return answer(await environments.locate_password(req.route_params["name"], context, USER.of(req)))


async def post_rotation(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Replace all passwords, or that of `user`, in the key vault and inside the machines, which must be running.

    Open sessions stay open.
    """
    rotated = await rotate(req.route_params["name"], context, dry_run=DRY_RUN.of(req), user=USER.of(req))
    return respond(rotated, api_url_of(req, context.dependencies))


async def post_promotion(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Copy an image from one container registry of the environment to another, by its digest.

    The owner and operators may do it. An image that the target has already, with the same digest, changes nothing.
    """
    name, asked = req.route_params["name"], model_of(PromotionRequest, body_of(req))
    return respond(await promote(name, asked, context, dry_run=DRY_RUN.of(req)), api_url_of(req, context.dependencies))


async def hold_environment(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Keep the machines of the environment awake for a time, or end the hold."""
    name, asked = req.route_params["name"], model_of(HoldRequest, body_of(req))
    return answer(await environments.hold(name, asked, context, dry_run=DRY_RUN.of(req)))


async def extend_environment(req: func.HttpRequest, context: Context) -> func.HttpResponse:
    """Set, renew or end the environment's lease: it is stopped or deleted when the lease expires."""
    name, asked = req.route_params["name"], model_of(LeaseRequest, body_of(req))
    return answer(await environments.extend(name, asked, context, dry_run=DRY_RUN.of(req)))


async def _set_power(req: func.HttpRequest, context: Context, verb: Verb) -> func.HttpResponse:
    changed = await environments.set_power(req.route_params["name"], verb, context, dry_run=DRY_RUN.of(req))
    return respond(changed, api_url_of(req, context.dependencies))
