"""Tables and blobs: the same requests to the simulated services and to Azurite, with the same responses.

Only behaviour that both of them share with Azure is tested: Azurite's known quirks (missing selected columns, codes of
bad names, status of unauthenticated requests, a transaction of too many operations) are accepted either way.
"""

import asyncio
import base64
import itertools
import uuid
from collections.abc import Awaitable, Callable
from http.client import BadStatusLine
from typing import Any, TypeVar

import pytest
from azure.core import MatchConditions
from azure.data.tables import TableTransactionError, UpdateMode
from azure.data.tables.aio import TableServiceClient

from dormouse.errors import CloudUnavailable
from dormouse.records.table import Row, RowPage, Table
from dormouse.records.transactions import LARGEST_TRANSACTION, MOST_ROWS, NEW, RowChange, transactions
from tests.simulator.conftest import Storage

T = TypeVar("T")

_names = itertools.count(1)
KEYS = [
    "it's",
    "''",
    ",",
    "a b",
    "per%cent",
    "ünï",
    "日本",
    "+",
    "&",
    "=",
    "(",
    ")",
    ";",
    ":",
    "@",
    "$x",
    "*",
    ".",
    " leading",
]


@pytest.fixture
def table(storage: Storage) -> str:
    name = f"things{next(_names)}"
    assert storage.table("POST", "/Tables", {"TableName": name}).status_code == 201
    return name


@pytest.fixture
def container(storage: Storage) -> str:
    name = f"box{next(_names)}"
    assert storage.blob("PUT", f"/{name}?restype=container").status_code == 201
    return name


def entity(row: str, **more: Any) -> dict[str, Any]:
    return {"PartitionKey": "p", "RowKey": row, **more}


def at(table: str, row: str) -> str:
    return f"/{table}(PartitionKey='p',RowKey='{row}')"


def rows(storage: Storage, table: str, wanted: str = "") -> list[str]:
    answer = storage.ask("tables", "GET", f"/{table}()", params={"$filter": wanted} if wanted else {})
    assert answer.status_code == 200, answer.text
    return [row["RowKey"] for row in answer.json()["value"]]


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.headers.get("x-ms-error-code", "")


def told(storage: Storage, ask: Callable[[TableServiceClient], Awaitable[T]]) -> T:
    """What the tables return through the SDK."""

    async def asked() -> T:
        async with storage.service() as service:
            return await ask(service)

    return asyncio.run(asked())


def recorded(storage: Storage, table: str, ask: Callable[[Table], Awaitable[T]]) -> T:
    """The result of the app's own records over the tables."""
    return told(storage, lambda service: ask(Table(service, table)))


def transact(storage: Storage, table: str, *operations: Any) -> list[Any]:
    return told(storage, lambda service: service.get_table_client(table).submit_transaction(operations))


def if_unchanged(etag: str) -> dict[str, Any]:
    return {"mode": UpdateMode.REPLACE, "etag": etag, "match_condition": MatchConditions.IfNotModified}


def test_a_table_is_created_once_listed_and_deleted(storage: Storage) -> None:
    name = f"made{next(_names)}"
    made = storage.table("POST", "/Tables", {"TableName": name})
    assert (made.status_code, made.json()["TableName"]) == (201, name)
    assert code(storage.table("POST", "/Tables", {"TableName": name.upper()})) == (409, "TableAlreadyExists")
    listed = storage.ask("tables", "GET", "/Tables", params={"$filter": f"TableName eq '{name}'"}).json()["value"]
    assert [item["TableName"] for item in listed] == [name]
    assert storage.table("DELETE", f"/Tables('{name}')").status_code == 204
    assert code(storage.table("DELETE", f"/Tables('{name}')")) == (404, "ResourceNotFound")
    assert code(storage.table("GET", f"/{name}()")) == (404, "TableNotFound")


@pytest.mark.parametrize("name", ["1abc", "with-dash", "with_us", "", "tables", "ab", "x" * 64])
def test_an_invalid_table_name_is_rejected(storage: Storage, name: str) -> None:
    assert storage.table("POST", "/Tables", {"TableName": name}).status_code == 400


def test_an_entity_is_inserted_once(storage: Storage, table: str) -> None:
    first = storage.table("POST", f"/{table}", entity("r", Text="x"))
    assert (first.status_code, first.json()["Text"]) == (201, "x")
    assert first.headers["ETag"].startswith("W/\"datetime'")
    assert code(storage.table("POST", f"/{table}", entity("r"))) == (409, "EntityAlreadyExists")
    quiet = storage.table("POST", f"/{table}", entity("q"), Prefer="return-no-content")
    assert (quiet.status_code, quiet.content, quiet.headers["Preference-Applied"]) == (204, b"", "return-no-content")


def test_property_types_are_preserved(storage: Storage, table: str) -> None:
    given = {
        "Text": "x",
        "Number": 5,
        "Flag": True,
        "Half": 1.5,
        "Big": "9007199254740993",
        "Big@odata.type": "Edm.Int64",
        "When": "2026-05-01T12:00:00.1234567Z",
        "When@odata.type": "Edm.DateTime",
        "Which": "c9da6455-213d-42c9-9a79-3e9149a57833",
        "Which@odata.type": "Edm.Guid",
        "Bytes": base64.b64encode(b"\1\2\3").decode(),
        "Bytes@odata.type": "Edm.Binary",
        "Nothing": None,
    }
    assert storage.table("POST", f"/{table}", entity("r", **given)).status_code == 201
    shown = storage.table("GET", at(table, "r")).json()
    for name, value in given.items():
        if value is not None:
            assert shown[name] == value, name
    assert "Nothing" not in shown
    assert "Half@odata.type" not in shown
    bare = storage.table("GET", at(table, "r"), Accept="application/json;odata=nometadata").json()
    assert not [name for name in bare if "odata" in name]
    full = storage.table("GET", at(table, "r"), Accept="application/json;odata=fullmetadata").json()
    assert full["Timestamp@odata.type"] == "Edm.DateTime"


def test_merge_keeps_unnamed_properties_and_replace_does_not(storage: Storage, table: str) -> None:
    storage.table("POST", f"/{table}", entity("r", **{"A": "5", "A@odata.type": "Edm.Int64", "B": "kept"}))
    assert storage.table("PATCH", at(table, "r"), {"A": "text", "C": None}).status_code == 204
    merged = storage.table("GET", at(table, "r")).json()
    assert (merged["A"], merged["B"], "A@odata.type" in merged) == ("text", "kept", False)
    assert storage.table("PUT", at(table, "r"), {"A": 1}).status_code == 204
    replaced = storage.table("GET", at(table, "r")).json()
    assert (replaced["A"], "B" in replaced) == (1, False)
    assert storage.table("PUT", at(table, "new"), {"A": 1}).status_code == 204  # without an ETag, upsert also inserts


def test_a_stale_etag_changes_nothing(storage: Storage, table: str) -> None:
    first = storage.table("POST", f"/{table}", entity("r")).headers["ETag"]
    second = storage.table("PUT", at(table, "r"), {"A": 1}, **{"If-Match": first}).headers["ETag"]
    assert second != first
    for method in ("PUT", "PATCH", "DELETE"):
        body = None if method == "DELETE" else {"A": 2}
        assert code(storage.table(method, at(table, "r"), body, **{"If-Match": first})) == (
            412,
            "UpdateConditionNotSatisfied",
        )
        assert code(storage.table(method, at(table, "nobody"), body, **{"If-Match": "*"})) == (404, "ResourceNotFound")
    assert storage.table("DELETE", at(table, "r")).status_code == 400
    assert storage.table("DELETE", at(table, "r"), **{"If-Match": second}).status_code == 204
    assert code(storage.table("GET", at(table, "r"))) == (404, "ResourceNotFound")


def test_unusual_keys_are_distinguished(storage: Storage, table: str) -> None:
    for place, key in enumerate(KEYS):
        assert storage.table("POST", f"/{table}", entity(key, Place=place)).status_code == 201, key
    assert storage.table("POST", f"/{table}", entity("A")).status_code == 201
    assert storage.table("POST", f"/{table}", entity("a")).status_code == 201
    assert set(rows(storage, table)) == {*KEYS, "A", "a"}
    assert rows(storage, table, "RowKey eq 'it''s'") == ["it's"]


@pytest.mark.parametrize("key", ["a/b", "a\\b", "a#b", "a?b", "a\tb", "x" * 513])
def test_an_invalid_key_is_rejected(storage: Storage, table: str, key: str) -> None:
    assert storage.table("POST", f"/{table}", entity(key)).status_code == 400
    assert rows(storage, table) == []


@pytest.mark.parametrize("body", [{"RowKey": "r"}, {"PartitionKey": "p", "RowKey": None}, {"PartitionKey": "p"}])
def test_an_entity_needs_both_keys(storage: Storage, table: str, body: dict[str, Any]) -> None:
    assert code(storage.table("POST", f"/{table}", body)) == (400, "PropertiesNeedValue")


def test_an_oversized_property_or_entity_is_rejected(storage: Storage, table: str) -> None:
    assert code(storage.table("POST", f"/{table}", entity("r", T="x" * 32769))) == (400, "PropertyValueTooLarge")
    large = {f"T{number}": "x" * 32000 for number in range(40)}
    assert code(storage.table("PUT", at(table, "r"), large)) == (400, "EntityTooLarge")


@pytest.mark.parametrize("value", [{"a": 1}, [1]])
def test_an_invalid_value_is_rejected(storage: Storage, table: str, value: Any) -> None:
    assert code(storage.table("POST", f"/{table}", entity("r", T=value))) == (400, "InvalidInput")


FILTERS = {
    "Text eq 'b'": ["2"],
    "Text gt 'a' and Text le 'c'": ["2", "3"],
    "Number ge 2": ["2", "3"],
    "Number lt 2 or Flag eq true": ["1", "3"],
    "not (Number eq 1)": ["2", "3"],
    "Half gt 0.9": ["2", "3"],
    "Half eq 1.0": ["2"],
    "Big gt 9L": ["2", "3"],
    "Big eq 5L": ["1"],
    "Missing eq 'x'": [],
    "not (Missing eq 'x')": ["1", "2", "3"],
    "Text ne 'a'": ["2", "3"],
    "Number eq 'a'": [],
    "When ge datetime'2026-05-02T00:00:00Z'": ["2", "3"],
    "Which eq guid'c9da6455-213d-42c9-9a79-3e9149a57802'": ["2"],
    "Bytes eq X'02'": ["2"],
    "Number ge 1 and (Flag eq true or Text eq 'a')": ["1", "3"],
    "PartitionKey eq 'p' and RowKey gt '1'": ["2", "3"],
    "Timestamp gt datetime'2000-01-01T00:00:00Z'": ["1", "2", "3"],
}


@pytest.fixture(scope="module")
def filled(request: pytest.FixtureRequest) -> dict[str, str]:
    return {}


@pytest.mark.parametrize("wanted", FILTERS)
def test_filters_compare_by_type(storage: Storage, filled: dict[str, str], wanted: str) -> None:
    if storage.name not in filled:
        filled[storage.name] = f"filtered{next(_names)}"
        storage.table("POST", "/Tables", {"TableName": filled[storage.name]})
        for number, text, big in ((1, "a", 5), (2, "b", 10), (3, "c", 2**53 + 1)):
            typed = {
                "Big": str(big),
                "Big@odata.type": "Edm.Int64",
                "When": f"2026-05-0{number}T00:00:00Z",
                "When@odata.type": "Edm.DateTime",
                "Which": f"c9da6455-213d-42c9-9a79-3e9149a5780{number}",
                "Which@odata.type": "Edm.Guid",
                "Bytes": base64.b64encode(bytes([number])).decode(),
                "Bytes@odata.type": "Edm.Binary",
            }
            plain = {"Text": text, "Number": number, "Flag": number == 3, "Half": number / 2}
            answer = storage.table("POST", f"/{filled[storage.name]}", entity(str(number), **plain, **typed))
            assert answer.status_code == 201, answer.text
    assert rows(storage, filled[storage.name], wanted) == FILTERS[wanted]


# What a filter of keys finds, by the partition and the row of each entity.
KEY_FILTERS: dict[str, Callable[[str, str], bool]] = {
    "PartitionKey eq 'p'": lambda p, _: p == "p",
    "PartitionKey eq 'p' and RowKey eq 'b'": lambda p, r: (p, r) == ("p", "b"),
    "PartitionKey eq 'p' and RowKey ge 'b' and RowKey lt 'c'": lambda p, r: p == "p" and "b" <= r < "c",
    "PartitionKey eq 'p' and (RowKey gt 'b' and RowKey le 'c')": lambda p, r: p == "p" and "b" < r <= "c",
    "PartitionKey eq 'p' and RowKey gt 'c' and RowKey lt 'b'": lambda _p, _r: False,
    "PartitionKey eq 'p' and not (RowKey ge 'b')": lambda p, r: p == "p" and r < "b",
    "PartitionKey eq 'p' and (RowKey lt 'b' or RowKey gt 'bb')": lambda p, r: p == "p" and not "b" <= r <= "bb",
    "PartitionKey eq 'p' or RowKey eq 'b'": lambda p, r: p == "p" or r == "b",
    "PartitionKey ge 'p' and RowKey ge 'bb'": lambda p, r: p >= "p" and r >= "bb",
    "not (PartitionKey eq 'p')": lambda p, _: p != "p",
}


@pytest.fixture(scope="module")
def keyed() -> dict[str, str]:
    return {}


@pytest.mark.parametrize("wanted", KEY_FILTERS)
def test_filters_of_keys_find_what_lies_between(storage: Storage, keyed: dict[str, str], wanted: str) -> None:
    places = [(partition, row) for partition in ("o", "p", "pp", "q") for row in ("", "a", "b", "bb", "bc", "c")]
    if storage.name not in keyed:
        keyed[storage.name] = f"keyed{next(_names)}"
        storage.table("POST", "/Tables", {"TableName": keyed[storage.name]})
        for partition, row in reversed(places):
            storage.table("POST", f"/{keyed[storage.name]}", {"PartitionKey": partition, "RowKey": row})
    answer = storage.ask("tables", "GET", f"/{keyed[storage.name]}()", params={"$filter": wanted})
    found = [(entity["PartitionKey"], entity["RowKey"]) for entity in answer.json()["value"]]
    assert found == [place for place in places if KEY_FILTERS[wanted](*place)]


@pytest.mark.parametrize("wanted", ["Text eq", "Text is 'a'", "(Text eq 'a'", "startswith(Text,'a')"])
def test_an_invalid_filter_is_400(storage: Storage, table: str, wanted: str) -> None:
    storage.table("POST", f"/{table}", entity("r", Text="a"))
    assert storage.ask("tables", "GET", f"/{table}()", params={"$filter": wanted}).status_code == 400


def test_pages_are_ordered_by_key(storage: Storage, table: str) -> None:
    keys = [f"{number:03}" for number in range(7)] + ["ü"]
    for key in reversed(keys):
        storage.table("POST", f"/{table}", entity(key, N=1))
    seen: list[str] = []
    query: dict[str, str] = {"$top": "3", "$select": "RowKey, Missing"}
    while True:
        answer = storage.ask("tables", "GET", f"/{table}()", params=query)
        assert all(row.get("Missing") is None for row in answer.json()["value"])
        seen += [row["RowKey"] for row in answer.json()["value"]]
        following = answer.headers.get("x-ms-continuation-NextRowKey")
        if following is None:
            break
        query |= {"NextRowKey": following, "NextPartitionKey": answer.headers["x-ms-continuation-NextPartitionKey"]}
    assert seen == keys


@pytest.mark.parametrize("top", ["-1", "x"])
def test_an_invalid_top_is_400(storage: Storage, table: str, top: str) -> None:
    assert storage.ask("tables", "GET", f"/{table}()", params={"$top": top}).status_code == 400


def test_a_transaction_creates_replaces_merges_and_deletes(storage: Storage, table: str) -> None:
    first = storage.table("POST", f"/{table}", entity("changed", A=1, B=1)).headers["ETag"]
    for row in ("replaced", "merged", "deleted"):
        storage.table("POST", f"/{table}", entity(row, A=1, B=1))
    done = transact(
        storage,
        table,
        ("create", entity("made", A="ü")),
        ("update", entity("changed", A=2), if_unchanged(first)),
        ("upsert", entity("replaced", A=2), {"mode": UpdateMode.REPLACE}),
        ("upsert", entity("merged", A=2), {"mode": UpdateMode.MERGE}),
        ("upsert", entity("unheard of", A=2)),
        ("delete", entity("deleted")),
    )
    shown = {row: storage.table("GET", at(table, row)) for row in rows(storage, table)}
    assert {row: (answer.json()["A"], answer.json().get("B")) for row, answer in shown.items()} == {
        "made": ("ü", None),
        "changed": (2, None),
        "replaced": (2, None),
        "merged": (2, 1),
        "unheard of": (2, None),
    }
    tags = [done[place]["etag"] for place in range(5)]
    assert [shown[row].headers["ETag"] for row in ("made", "changed", "replaced", "merged", "unheard of")] == tags
    assert len(done) == 6


REFUSED: dict[str, tuple[Any, int, str]] = {
    "an existing row": (("create", entity("there")), 409, "EntityAlreadyExists"),
    "a change with a stale ETag": (
        ("update", entity("there", A=2), if_unchanged("old")),
        412,
        "UpdateConditionNotSatisfied",
    ),
    "a change of a deleted row": (("update", entity("gone"), if_unchanged("old")), 404, "ResourceNotFound"),
    "a deletion with a stale ETag": (("delete", entity("there"), if_unchanged("old")), 412, "UpdateConditionNotSatisfied"),
    "a deletion of a deleted row": (("delete", entity("gone")), 404, "ResourceNotFound"),
    "a row twice": (("upsert", entity("new")), 400, "InvalidDuplicateRow"),
    "too much text": (("upsert", entity("large", T="x" * 32769)), 400, "PropertyValueTooLarge"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_rejected_transaction_changes_nothing(storage: Storage, table: str, what: str) -> None:
    operation, status, code_ = REFUSED[what]
    old = storage.table("POST", f"/{table}", entity("there", A=0)).headers["ETag"]
    now = storage.table("PUT", at(table, "there"), {"A": 1}).headers["ETag"]
    storage.table("POST", f"/{table}", entity("other", A=1))
    if len(operation) > 2:
        how = {**operation[2], "etag": old}
        operation = (*operation[:2], {name: how[name] for name in how if operation[0] == "update" or name != "mode"})
    before = [("create", entity("new")), ("upsert", entity("other", A=2)), ("delete", entity("leaving"))]
    storage.table("POST", f"/{table}", entity("leaving"))
    with pytest.raises(TableTransactionError) as refused:
        transact(storage, table, *before, operation, ("create", entity("later")))
    error: Any = refused.value
    assert (error.index, error.status_code, error.error_code) == (3, status, code_)
    assert str(error.message).startswith("3:")
    assert rows(storage, table) == ["leaving", "other", "there"]
    assert storage.table("GET", at(table, "other")).json()["A"] == 1
    assert storage.table("GET", at(table, "there")).headers["ETag"] == now


def test_unusual_keys_are_distinguished_in_transactions(storage: Storage, table: str) -> None:
    transact(storage, table, *(("upsert", entity(key, Key=key)) for key in [*KEYS, "A", "a"]))
    answer = storage.table("GET", f"/{table}()").json()["value"]
    assert {row["RowKey"]: row["Key"] for row in answer} == {key: key for key in [*KEYS, "A", "a"]}
    transact(storage, table, *(("delete", entity(key)) for key in [*KEYS, "A"]))
    assert rows(storage, table) == ["a"]


def test_a_transaction_has_at_most_a_hundred_operations(storage: Storage, table: str) -> None:
    wanted = [("create", entity(f"{number:03}")) for number in range(101)]
    with pytest.raises((TableTransactionError, BadStatusLine), match=r"^(99:The batch request|changesetresponse_)"):
        transact(storage, table, *wanted)  # Azurite's refusal is malformed
    assert rows(storage, table) == []
    assert len(transact(storage, table, *wanted[:100])) == 100


def test_an_oversized_transaction_is_rejected(storage: Storage) -> None:
    headers = {"Content-Type": "multipart/mixed; boundary=batch_1"}
    answer = storage.ask("tables", "POST", "/$batch", content=b"x" * (4 * 2**20 + 1), headers=headers)
    assert code(answer) == (413, "RequestBodyTooLarge")


def test_a_transaction_on_a_missing_table_is_404(storage: Storage) -> None:
    with pytest.raises(TableTransactionError) as refused:
        transact(storage, "nosuchtable", ("create", entity("r")))
    error: Any = refused.value
    assert (error.status_code, error.error_code) == (404, "TableNotFound")


def batch(storage: Storage, *requests: str) -> Any:
    """A transaction that no SDK would send."""
    part = "--c\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n{}\r\n"
    changes = "".join(part.format(request) for request in requests)
    body = f"--batch_1\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n{changes}--c--\r\n--batch_1--\r\n"
    headers = {"Content-Type": "multipart/mixed; boundary=batch_1"}
    return storage.ask("tables", "POST", "/$batch", content=body.encode(), headers=headers)


def test_a_transaction_is_limited_to_one_partition(simulated_storage: Storage) -> None:
    """Azurite does not check this."""
    assert simulated_storage.table("POST", "/Tables", {"TableName": "divided"}).status_code == 201
    made = (f'POST https://x/divided HTTP/1.1\r\n\r\n{{"PartitionKey": "{name}", "RowKey": "r"}}' for name in "pq")
    answer = batch(simulated_storage, *made)
    assert (answer.status_code, "HTTP/1.1 400 Bad Request" in answer.text) == (202, True)
    assert "1:All commands in a batch must operate on same entity group." in answer.text
    assert rows(simulated_storage, "divided") == []


def test_an_unsimulated_transaction_is_501_and_changes_nothing(simulated_storage: Storage) -> None:
    assert simulated_storage.table("POST", "/Tables", {"TableName": "asked"}).status_code == 201
    made = 'POST https://x/asked HTTP/1.1\r\n\r\n{"PartitionKey": "p", "RowKey": "r"}'
    for request in ("GET https://x/asked() HTTP/1.1\r\n\r\n", "PUT https://x/asked HTTP/1.1\r\n\r\n{}"):
        assert batch(simulated_storage, made, request).status_code == 501
    assert rows(simulated_storage, "asked") == []
    assert batch(simulated_storage).status_code == 400


def test_a_page_has_at_most_a_thousand_rows(simulated_storage: Storage) -> None:
    """Azurite returns a thousand rows, Azure rejects the request."""
    assert simulated_storage.ask("tables", "GET", "/any()", params={"$top": "1001"}).status_code == 404
    assert simulated_storage.table("POST", "/Tables", {"TableName": "paged"}).status_code == 201
    assert simulated_storage.ask("tables", "GET", "/paged()", params={"$top": "1001"}).status_code == 400


def test_a_row_is_read_back_with_its_columns(storage: Storage, table: str) -> None:
    async def asked(records: Table) -> tuple[Row | None, RowPage]:
        await records.write("p", "r", "{}", Log="Zeile 1\nZeile 2 'ü'", Owner="ann")
        return await records.read("p", "r"), await records.page("p", limit=5, Owner="ann")

    row, page = recorded(storage, table, asked)
    assert row is not None
    assert (row.key, row.document, row.columns) == ("r", "{}", {"Log": "Zeile 1\nZeile 2 'ü'", "Owner": "ann"})
    assert page == RowPage((row,), "")


def test_many_rows_can_be_written_and_read_as_a_range(storage: Storage) -> None:
    changes = [RowChange(f"{number:04}", str(number), columns={"N": f"n{number}"}) for number in range(1234)]
    name = f"many{next(_names)}"  # created when it is first found missing

    async def asked(records: Table) -> tuple[list[bool], list[Row], list[Row], RowPage]:
        written = await records.write_all("p", changes)
        every, some = await records.range("p", "", "9999"), await records.range("p", "0007", "1007")
        return written, every, some, await records.page("p", first="0010", limit=1000)

    written, every, some, page = recorded(storage, name, asked)
    assert written == [True] * 1234
    assert [(row.key, row.document, row.columns) for row in every] == [
        (one.key, one.document, one.columns) for one in changes
    ]
    assert [row.key for row in some] == [f"{number:04}" for number in range(7, 1008)]
    assert ([row.key for row in page.rows], page.after) == ([f"{number:04}" for number in range(10, 1010)], "1009")
    assert recorded(storage, name, lambda records: records.range("q", "", "9999")) == []


def test_a_page_begins_at_its_first_key(storage: Storage, table: str) -> None:
    async def asked(records: Table) -> list[list[str]]:
        await records.write_all("p", [RowChange(key, "{}", columns={"Odd": str(int(key) % 2)}) for key in "12345"])
        pages = [
            await records.page("p", limit=2, first="2"),
            await records.page("p", limit=2, first="2", after="3"),
            await records.page("p", limit=5, first="3", until="4"),
            await records.page("p", limit=5, first="2", Odd="1"),
        ]
        return [[*(row.key for row in page.rows), page.after] for page in pages]

    assert recorded(storage, table, asked) == [["2", "3", "3"], ["4", "5", ""], ["3", "4", ""], ["3", "5", ""]]


def test_a_conflict_of_one_row_does_not_prevent_the_others(storage: Storage, table: str) -> None:
    """The rows beside it in its transaction are written, and those of other transactions too."""
    others = [RowChange(f"other{number:03}", "new", NEW) for number in range(150)]

    async def asked(records: Table) -> tuple[list[bool], dict[str, str]]:
        await records.write_all("p", [RowChange(key, "old") for key in ("changed", "exists", "same", "whatever")])
        tags = {row.key: row.etag for row in await records.range("p", "", "")}
        await records.write("p", "changed", "elsewhere")
        changes = [
            RowChange("changed", "new", tags["changed"]),
            RowChange("same", "new", tags["same"]),
            RowChange("exists", "new", NEW),
            RowChange("gone", "new", tags["changed"]),
            RowChange("whatever", "new"),
            RowChange("made", "new", NEW, {"Owner": "ann"}),
        ]
        written = await records.write_all("p", [*changes, *others])
        return written, {row.key: row.document for row in await records.range("p", "", "")}

    written, documents = recorded(storage, table, asked)
    assert written == [False, True, False, False, True, True] + [True] * 150
    expected = {"changed": "elsewhere", "same": "new", "exists": "old", "whatever": "new", "made": "new"}
    assert documents == expected | {one.key: "new" for one in others}


def test_rows_too_large_for_one_transaction_are_written_in_several(storage: Storage, table: str) -> None:
    large = {f"T{number}": "ü" * 10_000 for number in range(12)}
    changes = [RowChange(str(number), "x" * 30_000, columns=large) for number in range(8)]
    assert len(transactions("p", changes)) == 8
    assert recorded(storage, table, lambda records: records.write_all("p", changes)) == [True] * 8
    assert rows(storage, table) == [one.key for one in changes]


def test_an_invalid_row_is_an_error_and_not_a_conflict(storage: Storage) -> None:
    """The error of one transaction is not hidden by the success of others."""
    changes = [RowChange(str(number), "{}") for number in range(101)] + [RowChange("bad\nkey", "{}")]
    with pytest.raises(CloudUnavailable):
        recorded(storage, f"bad{next(_names)}", lambda records: records.write_all("p", changes))
    assert recorded(storage, f"none{next(_names)}", lambda records: records.write_all("p", [])) == []


def test_transactions_are_filled_in_order() -> None:
    large = [RowChange(str(number), "x" * 20_000) for number in range(90)]
    changes = large + [RowChange(f"small{number}", "") for number in range(120)]
    sets = transactions("p", changes)
    assert [change for some in sets for change in some] == changes
    assert all(0 < len(some) <= MOST_ROWS for some in sets)
    assert all(sum(change.size("p") for change in some) <= LARGEST_TRANSACTION for some in sets)
    assert [len(some) for some in sets] == [46, 93, 71]
    with pytest.raises(ValueError, match="occurs twice"):
        transactions("p", [RowChange("a", "1"), RowChange("b", "1"), RowChange("a", "2")])


def test_a_table_error_has_code_and_message(storage: Storage) -> None:
    answer = storage.table("GET", "/nosuchtable()")
    error = answer.json()["odata.error"]
    assert (error["code"], error["message"]["lang"]) == ("TableNotFound", "en-US")
    assert error["message"]["value"].startswith("The table specified does not exist.")


@pytest.mark.parametrize("service", ["tables", "blobs"])
def test_storage_requires_a_token(storage: Storage, service: str) -> None:
    answer = storage.ask(service, "GET", "/anything", headers={"Authorization": ""})
    assert answer.status_code in (400, 401, 403)


def test_a_container_is_created_once_described_and_deleted(storage: Storage) -> None:
    name = f"made{next(_names)}"
    assert storage.blob("PUT", f"/{name}?restype=container").status_code == 201
    assert code(storage.blob("PUT", f"/{name}?restype=container")) == (409, "ContainerAlreadyExists")
    assert storage.blob("PUT", f"/{name}?restype=container&comp=metadata", x_ms_meta_Owner="ann").status_code == 200
    shown = storage.blob("GET", f"/{name}?restype=container")
    assert (shown.status_code, shown.headers["x-ms-meta-owner"]) == (200, "ann")
    assert f"<Name>{name}</Name>" in storage.blob("GET", f"/?comp=list&prefix={name}").text
    assert storage.blob("DELETE", f"/{name}?restype=container").status_code == 202
    assert code(storage.blob("GET", f"/{name}?restype=container")) == (404, "ContainerNotFound")


def test_a_blob_is_read_back_unchanged(storage: Storage, container: str) -> None:
    path = f"/{container}/some/where.txt"
    headers = {"x_ms_blob_type": "BlockBlob", "Content_Type": "text/x", "x_ms_meta_Foo": "Bar"}
    made = storage.blob("PUT", path, b"hello world", **headers)
    assert made.status_code == 201
    got = storage.blob("GET", path)
    assert (got.status_code, got.content, got.headers["Content-Type"]) == (200, b"hello world", "text/x")
    assert (got.headers["ETag"], got.headers["x-ms-meta-foo"]) == (made.headers["ETag"], "Bar")
    assert got.headers["Content-MD5"] == made.headers["Content-MD5"]
    head = storage.blob("HEAD", path)
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "11", b"")
    assert storage.blob("DELETE", path).status_code == 202
    assert code(storage.blob("GET", path)) == (404, "BlobNotFound")
    assert code(storage.blob("GET", "/nosuchbox/x")) == (404, "ContainerNotFound")


@pytest.mark.parametrize(
    ("asked", "content", "told"),
    [
        ("bytes=0-4", b"hello", "bytes 0-4/11"),
        ("bytes=6-", b"world", "bytes 6-10/11"),
        ("bytes=6-999", b"world", "bytes 6-10/11"),
    ],
)
def test_a_range_of_a_blob_is_returned_as_206(
    storage: Storage, container: str, asked: str, content: bytes, told: str
) -> None:
    storage.blob("PUT", f"/{container}/b", b"hello world", x_ms_blob_type="BlockBlob")
    answer = storage.blob("GET", f"/{container}/b", Range=asked)
    assert (answer.status_code, answer.content, answer.headers["Content-Range"]) == (206, content, told)
    assert code(storage.blob("GET", f"/{container}/b", Range="bytes=50-60")) == (416, "InvalidRange")


def test_conditional_headers_are_honoured(storage: Storage, container: str) -> None:
    path, kind = f"/{container}/b", {"x_ms_blob_type": "BlockBlob"}
    etag = storage.blob("PUT", path, b"one", **kind, If_None_Match="*").headers["ETag"]
    assert code(storage.blob("PUT", path, b"two", **kind, If_None_Match="*")) == (409, "BlobAlreadyExists")
    assert code(storage.blob("PUT", path, b"two", **kind, If_Match='"0x1"')) == (412, "ConditionNotMet")
    assert storage.blob("GET", path, If_None_Match=etag).status_code == 304
    newer = storage.blob("PUT", path, b"two", **kind, If_Match=etag)
    assert newer.status_code == 201
    assert code(storage.blob("DELETE", path, If_Match=etag)) == (412, "ConditionNotMet")
    assert storage.blob("GET", path).content == b"two"


def test_blobs_are_listed_by_prefix_folder_and_page(storage: Storage, container: str) -> None:
    for name in ("a/1", "a/2", "b", "c/1"):
        storage.blob("PUT", f"/{container}/{name}", b"x", x_ms_blob_type="BlockBlob")
    listing = f"/{container}?restype=container&comp=list"
    assert names(storage.blob("GET", listing).text) == ["a/1", "a/2", "b", "c/1"]
    assert names(storage.blob("GET", f"{listing}&prefix=a/").text) == ["a/1", "a/2"]
    folders = storage.blob("GET", f"{listing}&delimiter=/").text
    assert "<BlobPrefix><Name>a/</Name></BlobPrefix>" in folders
    assert sorted(names(folders)) == ["a/", "b", "c/"]
    seen: list[str] = []
    marker = ""
    while True:
        text = storage.blob("GET", f"{listing}&maxresults=3&marker={marker}").text
        seen += names(text)
        marker = text.partition("<NextMarker>")[2].partition("</NextMarker>")[0]
        if not marker:
            break
    assert seen == ["a/1", "a/2", "b", "c/1"]
    assert storage.blob("GET", f"{listing}&maxresults=0").status_code == 400


def names(text: str) -> list[str]:
    return [part.partition("</Name>")[0] for part in text.split("<Name>")[1:]]


def test_only_the_holder_of_a_lease_can_write(storage: Storage, container: str) -> None:
    path, lease, kind = f"/{container}/b", str(uuid.uuid4()), {"x_ms_blob_type": "BlockBlob"}
    storage.blob("PUT", path, b"one", **kind)
    acquire = {"x_ms_lease_action": "acquire", "x_ms_lease_duration": "60"}
    held = storage.blob("PUT", f"{path}?comp=lease", b"", **acquire, x_ms_proposed_lease_id=lease)
    assert (held.status_code, held.headers["x-ms-lease-id"]) == (201, lease)
    assert code(storage.blob("PUT", f"{path}?comp=lease", b"", **acquire)) == (409, "LeaseAlreadyPresent")
    assert code(storage.blob("PUT", path, b"two", **kind)) == (412, "LeaseIdMissing")
    wrong = str(uuid.uuid4())
    assert code(storage.blob("PUT", path, b"two", **kind, x_ms_lease_id=wrong)) == (412, "LeaseIdMismatchWithBlobOperation")
    assert storage.blob("PUT", path, b"two", **kind, x_ms_lease_id=lease).status_code == 201
    head = storage.blob("HEAD", path).headers
    assert (head["x-ms-lease-state"], head["x-ms-lease-status"], head["x-ms-lease-duration"]) == (
        "leased",
        "locked",
        "fixed",
    )
    assert storage.blob("PUT", f"{path}?comp=lease", x_ms_lease_action="renew", x_ms_lease_id=lease).status_code == 200
    release = {"x_ms_lease_action": "release"}
    assert storage.blob("PUT", f"{path}?comp=lease", b"", **release, x_ms_lease_id=lease).status_code == 200
    again = storage.blob("PUT", f"{path}?comp=lease", b"", **release, x_ms_lease_id=lease)
    assert code(again) == (409, "LeaseIdMismatchWithLeaseOperation")
    assert code(storage.blob("DELETE", path, x_ms_lease_id=lease)) == (412, "LeaseNotPresentWithBlobOperation")
    assert storage.blob("DELETE", path).status_code == 202


def test_a_lease_can_be_broken_without_its_id(storage: Storage, container: str) -> None:
    path = f"/{container}/b"
    storage.blob("PUT", path, b"one", x_ms_blob_type="BlockBlob")
    never = storage.blob("PUT", f"{path}?comp=lease", x_ms_lease_action="break")
    assert code(never) == (409, "LeaseNotPresentWithLeaseOperation")
    storage.blob("PUT", f"{path}?comp=lease", x_ms_lease_action="acquire", x_ms_lease_duration="-1")
    broken = storage.blob("PUT", f"{path}?comp=lease", x_ms_lease_action="break")
    assert (broken.status_code, broken.headers["x-ms-lease-time"]) == (202, "0")
    assert storage.blob("HEAD", path).headers["x-ms-lease-state"] == "broken"
    assert storage.blob("DELETE", path).status_code == 202


def test_rows_are_found_by_a_column_below_a_limit(storage: Storage, table: str) -> None:
    async def asked(records: Table) -> list[list[str]]:
        await records.write_all("p", [RowChange(key, "{}", columns={"At": f"2026-01-0{key}T00:00:00"}) for key in "12345"])
        await records.write("q", "1", "{}", At="2026-01-01T00:00:00")
        found = [
            await records.older("p", "At", "2026-01-04T00:00:00", limit=10),
            await records.older("p", "At", "2026-01-04T00:00:00", limit=2),
            await records.older("p", "At", "2026-01-01T00:00:00", limit=10),
        ]
        return [[row.key for row in rows] for rows in found]

    assert recorded(storage, table, asked) == [["1", "2", "3"], ["1", "2"], []]
