"""What the Functions host loads: every orchestrator, activity and route, put together in one place."""

from dormouse import cold_start  # isort: split

import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Any, get_type_hints

import azure.durable_functions as df
import azure.functions as func

import activities
import orchestrators
from activities.resources.environments import EnvironmentInventory
from activities.resources.survey import Survey
from dormouse import serialization
from dormouse.access.rate_limit import RateLimit, read_rate_limit
from dormouse.access.tokens import Tokens
from dormouse.chatops.dispatch import CommandDispatcher
from dormouse.cloud.clients import Cloud
from dormouse.cloud.containers.images import ImageInventory
from dormouse.cloud.inventory import Inventory
from dormouse.cloud.passwords import PasswordInventory
from dormouse.cloud.sdk_errors import ReadRefused
from dormouse.cloud.signing_keys import SigningKeys
from dormouse.cloud.sizes import Sizes
from dormouse.environments.results import RefusedRead
from dormouse.errors import Misconfigured
from dormouse.http.methods import EVERY_PATH, answer_options, methods_of
from dormouse.http.pipeline import handle
from dormouse.http.problems import answers_problems
from dormouse.http.route import Route
from dormouse.http.routes import ROUTES
from dormouse.records.budgets import BudgetWarnings
from dormouse.records.deduplication import RECEIPTS, Receipts
from dormouse.records.environments import Records
from dormouse.records.machines import MachineRecords
from dormouse.records.power_history import PowerRecords
from dormouse.records.prices import PriceRecords
from dormouse.records.reconcile import ReconcileRecords
from dormouse.services.dependencies import Dependencies
from dormouse.services.durable_client import DurableClient
from dormouse.settings import Settings, SettingsError, wants_keys
from dormouse.timers import TIMERS, Timer

log = logging.getLogger(__name__)

# The SDKs log every request with its headers; our own trail says what matters.
logging.getLogger("azure").setLevel(logging.WARNING)


def build_app(connect: Callable[[], Cloud]) -> df.DFApp:
    """Put the app together around a way to reach the cloud, which is first used when a function runs."""
    app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
    cloud, keys = functools.cache(connect), wants_keys()
    dependencies = functools.cache(lambda: _reads(cloud))
    for orchestrator in orchestrators.ALL:
        app.orchestration_trigger(context_name="context")(orchestrator)
    for activity in activities.ALL:
        app.activity_trigger(input_name="request")(_on_the_wire(activity, cloud))
    for by_dispatcher in activities.BY_DISPATCHER:
        fronted = app.durable_client_input(client_name="client")(_with_dispatcher(by_dispatcher, dependencies))
        app.activity_trigger(input_name="request")(fronted)
    for route in ROUTES:
        wired = app.durable_client_input(client_name="client")(_with_reads(route, dependencies))
        app.route(route=route.template, methods=methods_of(route), auth_level=route.level(keys=keys))(wired)
    app.route(route=EVERY_PATH, methods=["OPTIONS"], auth_level=func.AuthLevel.ANONYMOUS)(answer_options)
    for timer in TIMERS:
        timed = app.durable_client_input(client_name="client")(_at_its_time(timer, dependencies))
        app.timer_trigger(arg_name="timer", schedule=timer.schedule, run_on_startup=False)(timed)
    return app


def _on_the_wire(activity: activities.Activity, cloud: Callable[[], Cloud]) -> Callable[..., Awaitable[Any]]:
    """An activity as the worker wants it: plain JSON in and out, its cloud already at hand; a refused read is a value."""
    kind = get_type_hints(activity)["request"]

    # The worker refuses any annotation but a plain class, and history holds nothing but plain values.
    async def on_the_wire(request) -> Any:  # type: ignore[no-untyped-def]  # noqa: ANN001
        try:
            result = await activity(serialization.decode(kind, request), cloud())
        except ReadRefused as error:
            log.warning("Azure rejected a read in %s: %s", activity.__name__, error)
            result = RefusedRead(error.refusal)
        return serialization.encode(result)

    on_the_wire.__name__ = activity.__name__
    return on_the_wire


def _with_dispatcher(
    activity: Callable[[Any, Any], Awaitable[Any]], dependencies: Callable[[], Dependencies]
) -> Callable[..., Any]:
    """An activity as the worker wants it, with the dispatcher of chat commands."""
    kind = get_type_hints(activity)["request"]

    async def with_dispatcher(request, client) -> Any:  # type: ignore[no-untyped-def]  # noqa: ANN001
        return serialization.encode(
            await activity(serialization.decode(kind, request), CommandDispatcher(DurableClient(client), dependencies()))
        )

    with_dispatcher.__name__ = activity.__name__
    return with_dispatcher


def _with_reads(route: Route, dependencies: Callable[[], Dependencies]) -> Callable[..., Awaitable[func.HttpResponse]]:
    """A route as the worker wants it: request and client in, what it reads from already at hand."""

    @answers_problems
    async def with_reads(req: func.HttpRequest, client: Any) -> func.HttpResponse:
        return await handle(route, req, DurableClient(client), dependencies())

    handler = with_reads

    async def function(req: func.HttpRequest, client) -> func.HttpResponse:  # type: ignore[no-untyped-def]  # noqa: ANN001
        return await handler(req, client)

    function.__name__ = route.handler.__name__
    return function


def _at_its_time(timer: Timer, dependencies: Callable[[], Dependencies]) -> Callable[..., Awaitable[None]]:
    """A timer's handler as the worker wants it: what it reads from already at hand."""

    async def at_its_time(timer: func.TimerRequest, client) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        await handler(timer, DurableClient(client), dependencies())

    handler = timer.handler
    at_its_time.__name__ = handler.__name__
    return at_its_time


def _reads(connect: Callable[[], Cloud]) -> Dependencies:
    try:
        cloud = connect()
    except SettingsError as error:
        log.error("The control plane is misconfigured: %s", error)
        raise Misconfigured("The control plane is misconfigured. Its log names every faulty setting.") from error
    return Dependencies(
        records=Records(cloud.tables),
        inventory=Inventory(cloud),
        environments=EnvironmentInventory(cloud),
        survey=Survey(cloud),
        prices=cloud.prices,
        sizes=Sizes(cloud),
        machines=MachineRecords(cloud.tables),
        power=PowerRecords(cloud.tables),
        price_records=PriceRecords(cloud.tables),
        receipts=Receipts(cloud.tables),
        budget_warnings=BudgetWarnings(cloud.tables, RECEIPTS),
        tokens=Tokens(SigningKeys(cloud), cloud.settings.entra_authority_url, cloud.settings.entra_tenant_id, cloud.clock),
        passwords=PasswordInventory(cloud),
        images=ImageInventory(cloud),
        reconciled=ReconcileRecords(cloud.tables),
        settings=cloud.settings,
        clock=cloud.clock,
        rate_limit=RateLimit(cloud.settings.rate_limit),
        read_rate_limit=read_rate_limit(cloud.settings.rate_limit),
    )


def connect() -> Cloud:
    """The way to Azure that the settings describe, in the time that they describe; raises SettingsError."""
    settings = Settings.from_environment()
    cloud = Cloud(settings, settings.clock)
    cloud.keep_price = lambda *price: PriceRecords(cloud.tables).keep(*price)  # the tables are opened at first use
    return cloud


app = build_app(connect)
cold_start.is_over()
