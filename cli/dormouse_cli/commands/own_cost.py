"""The command that computes what the control plane itself costs."""

from enum import Enum, StrEnum
from typing import Annotated

import typer

from dormouse_cli.errors import UsageError
from dormouse_cli.output import to_json, write_text
from dormouse_cli.own_cost.formula import Backend, Load, monthly_cost
from dormouse_cli.own_cost.prices import with_prices
from dormouse_cli.render.own_cost import own_cost_document, print_own_cost


class Memory(Enum):
    """The sizes of an instance, in MB."""

    SMALL = "512"
    MEDIUM = "2048"
    LARGE = "4096"


class Output(StrEnum):
    """How the result is printed."""

    TABLE = "table"
    JSON = "json"


def cost_of_itself(
    *,
    machines: Annotated[int, typer.Option("--machines", "-m", min=0, max=1_000_000, help="Machines that send heartbeats.")],
    memory: Annotated[Memory, typer.Option("--memory", help="Memory of an instance, in MB.")] = Memory.MEDIUM,
    backend: Annotated[Backend, typer.Option("--backend", help="Where orchestrations are kept.")] = Backend.STORAGE,
    heartbeat_seconds: Annotated[
        float, typer.Option("--heartbeat-seconds", min=1, max=3600, help="Seconds between them.")
    ] = 300,
    quick: Annotated[
        float,
        typer.Option("--quick", min=0, max=100, help="Percent of machines that report every minute: a stop is near."),
    ] = 5,
    operations: Annotated[float, typer.Option("--operations", min=0, help="Operations per machine and month.")] = 60,
    sweep_seconds: Annotated[float, typer.Option("--sweep-seconds", min=1, max=300, help="How long a sweep executes.")] = 10,
    http_always_ready: Annotated[
        bool, typer.Option("--http-always-ready", help="An instance for requests is always ready, too.")
    ] = False,
    heartbeat_records: Annotated[
        bool, typer.Option("--heartbeat-records", help="Each heartbeat is logged (host.json prevents it).")
    ] = False,
    private_network: Annotated[bool, typer.Option("--private-network", help="Deployed with privateNetwork.")] = False,
    price: Annotated[
        list[str] | None, typer.Option("--price", metavar="NAME=AMOUNT", help="Replace a price; --output json names all.")
    ] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="A table, or one JSON document.")] = Output.TABLE,
) -> None:
    """Compute what the control plane itself costs per month, part by part. It asks no server."""
    prices = with_prices(_amounts(price or []))
    load = Load(
        machines,
        int(memory.value),
        backend,
        heartbeat_seconds,
        quick / 100,
        operations,
        sweep_seconds,
        http_always_ready=http_always_ready,
        heartbeat_records=heartbeat_records,
        private_network=private_network,
    )
    parts = monthly_cost(load, prices)
    if output is Output.JSON:
        write_text(to_json(own_cost_document(load, parts, prices), indent=2))
    else:
        print_own_cost(load, parts, prices)


def _amounts(texts: list[str]) -> dict[str, float]:
    amounts: dict[str, float] = {}
    for text in texts:
        name, _, amount = text.partition("=")
        try:
            amounts[name] = float(amount)
        except ValueError:
            raise UsageError(f"--price requires NAME=AMOUNT, with an amount in USD, not {text!r}.") from None
    return amounts
