"""`dormouse costs`: tables, sentences, and a Cost Management export beside our estimates."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.support import Command, FakeServer

VM = "/subscriptions/S/resourceGroups/rg-dormouse-ml1/providers/Microsoft.Compute/virtualMachines/vm-ml1"
FOCUS = "BilledCost,BillingCurrency,ChargeCategory,ChargeClass,ChargePeriodStart,ListCost,ResourceId,Tags\n"


def money(amount: float) -> dict[str, Any]:
    return {"amount": amount, "currency": "USD"}


def figures(spent: float, **more: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "spent": money(spent),
        "computing": money(spent),
        "fees": money(0.0),
        "hours_on": 2.0,
        "saved": money(1.5),
    }
    return {**known, "stopped_by_people": money(0.25), "at_least": False, "assumed_prices": False, "unpriced": [], **more}


def report(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    window = {"since": "2026-05-01T00:00:00Z", "until": "2026-05-03T00:00:00Z", "zone": "UTC", "currency": "USD"}
    known: dict[str, Any] = {"total": figures(3.0), "forecast": None, "billed_by_use": [], "next": None, "problems": []}
    return {**window, **known, "value": list(rows), **more}


def day(name: str, date: str, spent: float) -> dict[str, Any]:
    return {"key": f"{name} {date}", "environment": name, "day": date, "figures": figures(spent)}


def serve(server: FakeServer, *rows: dict[str, Any]) -> None:
    known: dict[str, Any] = {
        "value": [{"name": "ml1", "resources": [{"name": "vm", "id": VM}]}],
        "next": None,
        "problems": [],
    }
    server.respond(lambda request: request.json(report(*rows) if request.path.startswith("/api/costs") else known))


def test_costs_are_a_table_with_its_sum_and_what_it_rests_on(dormouse: Command, server: FakeServer) -> None:
    forecast = {"month": "2026-05", "least": money(3.1), "expected": money(40.0), "most": money(190.0)}
    budget = {"monthly": money(50.0), "used_percent": 6.0, "forecast_percent": 80.0, "stops": True}
    row = {"key": "ml1", "figures": figures(3.0, at_least=True), "forecast": forecast, "budget": budget}
    total = figures(3.0, at_least=True, unpriced=["Standard_X"], assumed_prices=True)
    shown = report(row, total=total, forecast=forecast, billed_by_use=["outbound traffic"], problems=["No answer."])
    server.respond(lambda request: request.json(shown))
    printed = dormouse("costs", "--from", "2026-05-01", "--zone", "UTC", "--owner", "ann")
    assert printed.code == 0, printed
    assert server.requests[-1].path == "/api/costs?limit=200&from=2026-05-01&zone=UTC&owner=ann&group_by=environment"
    for words in (
        "Problem: No answer.",
        "From 2026-05-01 00:00:00 UTC to 2026-05-03 00:00:00 UTC, days of UTC. Estimated at list prices",
        "ml1          at least 3.00",
        "40.00 USD  6 % of 50.00 USD, stops",
        "total        at least 3.00",
        "2026-05 will cost about 40.00 USD: 3.10 USD if all is stopped from now on, 190.00 USD if all runs.",
        "At least: no price is known for Standard_X.",
        "A part is older than the first known price, which is assumed for it.",
        "Billed by use, and not counted: outbound traffic.",
    ):
        assert words in printed.out, words
    assert json.loads(dormouse("costs", "--by", "day", "--json").out)["total"]["spent"] == money(3.0)


def test_no_costs_are_a_sentence(dormouse: Command, server: FakeServer) -> None:
    server.respond(lambda request: request.json(report()))
    assert "Nothing was spent in this time." in dormouse("costs", "--by", "part").out


def test_an_export_stands_beside_our_estimates_and_what_differs_too_much_is_marked(
    dormouse: Command, server: FakeServer, tmp_path: Path
) -> None:
    export = tmp_path / "export.csv"
    disk = VM.replace("virtualMachines/vm-ml1", "disks/vm-disk")
    node = VM.replace("rg-dormouse-ml1", "MC_ml2")
    export.write_text(
        f"\ufeff{FOCUS}"
        f"8,USD,Usage,,2026-05-01T00:00:00Z,10,{VM.upper()},\n"
        f'1,USD,Usage,,2026-05-01T00:00:00Z,1,{disk},"{{""dormouse"": ""other""}}"\n'
        f"9,USD,Usage,Correction,2026-05-02T00:00:00Z,12,{VM},\n"
        f'3,USD,Usage,,2026-05-02T00:00:00Z,3,{node},"""dormouse"": ""ml2"""\n'
        f"5,USD,Usage,,2026-05-02T00:00:00Z,5,/subscriptions/S/resourceGroups/x/providers/a/b/c,\n"
        f"2.5,USD,Tax,,2026-05-01T00:00:00Z,2.5,,\n"
        f"1,USD,Usage,,2026-05-03T00:00:00Z,1,{VM},\n"
    )
    serve(server, day("ml1", "2026-05-01", 11.2), day("ml1", "2026-05-02", 11.0), day("ml1", "2026-05-03", 4.0))
    printed = dormouse("costs", "--export", str(export))
    assert printed.code == 0, printed
    asked = "/api/costs?limit=200&from=2026-05-01&to=2026-05-04&group_by=environment-day"
    assert asked in [request.path for request in server.requests]
    lines = [line.split() for line in printed.out.splitlines()]
    assert ["ml1", "2026-05-01", "11.20", "11.00", "9.00", "+1.8", "%"] in lines, "discounts are no gap"
    assert ["ml1", "2026-05-02", "11.00", "12.00", "9.00", "-8.3", "%", "!"] in lines
    assert ["ml1", "2026-05-03", "4.00", "1.00", "1.00", "+300.0", "%", "incomplete"] in lines
    assert ["ml2", "2026-05-02", "0.00", "3.00", "3.00", "-100.0", "%", "!"] in lines
    assert "2 rows of 4 differ by more than 5 %." in printed.out
    assert "5.00 of the export belongs to no environment." in printed.out
    assert "Taxes, purchases and refunds of 2.50 are not compared." in printed.out
    assert "1 row of the export correct earlier ones." in printed.out
    document = json.loads(dormouse("costs", "--export", str(export), "--json").out)
    assert [row["alarm"] for row in document["value"]] == [False, True, False, True]


def test_azures_own_columns_are_read_too_in_any_case(dormouse: Command, server: FakeServer, tmp_path: Path) -> None:
    export = tmp_path / "native.csv"
    export.write_text(
        "date,resourceId,costInBillingCurrency,billingCurrencyCode,PayGPrice,quantity,chargeType\n"
        f"05/01/2026,{VM},4.5,USD,0.5,20,Usage\n"
        f"05/02/2026,{VM},1,USD,,,Usage\n"
    )
    serve(server, day("ml1", "2026-05-01", 10.0))
    lines = [line.split() for line in dormouse("costs", "--export", str(export)).out.splitlines()]
    assert ["ml1", "2026-05-01", "10.00", "10.00", "4.50", "+0.0", "%"] in lines
    assert ["ml1", "2026-05-02", "0.00", "1.00", "-100.0", "%", "incomplete"] in lines, "without a list price, as billed"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b\n1,2\n", "it has no column resourceid, chargeperiodstart, billedcost, billingcurrency"),
        (f"{FOCUS}x,USD,Usage,,2026-05-01,1,{VM},\n", "Line 2 of"),
        (f"{FOCUS}1,USD,Usage,,yesterday,1,{VM},\n", "cannot be read"),
        (f"{FOCUS}NaN,USD,Usage,,2026-05-01,1,{VM},\n", "cannot be read"),
        (f"{FOCUS}1,EUR,Usage,,2026-05-01,1,{VM},\n", "The export is in EUR, our estimates are in USD."),
    ],
)
def test_a_file_that_cannot_be_compared_is_refused(
    dormouse: Command, server: FakeServer, tmp_path: Path, content: str, words: str
) -> None:
    export = tmp_path / "export.csv"
    export.write_text(content)
    serve(server)
    refused = dormouse("costs", "--export", str(export))
    assert (refused.code, words in refused.err) == (2, True), refused
    assert dormouse("costs", "--export", str(tmp_path / "none.csv")).code == 2


def test_an_empty_export_is_a_sentence(dormouse: Command, server: FakeServer, tmp_path: Path) -> None:
    export = tmp_path / "export.csv"
    export.write_text(FOCUS)
    serve(server)
    assert "The export has no costs of environments." in dormouse("costs", "--export", str(export)).out
