"""Tables and blobs: the same questions to the simulated services and to Azurite, and the same answers.

Only what both of them, and Azure itself, agree on is asked: Azurite's known quirks (missing selected columns, codes of bad
names, status of unauthenticated requests) are accepted either way.
"""

import base64
import itertools
import uuid
from typing import Any

import pytest

from tests.azure.conftest import Storage

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


def test_a_table_is_made_once_found_and_deleted(storage: Storage) -> None:
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
def test_a_bad_name_is_no_table(storage: Storage, name: str) -> None:
    assert storage.table("POST", "/Tables", {"TableName": name}).status_code == 400


def test_an_entity_is_inserted_once(storage: Storage, table: str) -> None:
    first = storage.table("POST", f"/{table}", entity("r", Text="x"))
    assert (first.status_code, first.json()["Text"]) == (201, "x")
    assert first.headers["ETag"].startswith("W/\"datetime'")
    assert code(storage.table("POST", f"/{table}", entity("r"))) == (409, "EntityAlreadyExists")
    quiet = storage.table("POST", f"/{table}", entity("q"), Prefer="return-no-content")
    assert (quiet.status_code, quiet.content, quiet.headers["Preference-Applied"]) == (204, b"", "return-no-content")


def test_types_come_back_as_they_went(storage: Storage, table: str) -> None:
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


def test_merge_keeps_what_it_does_not_name_and_replace_does_not(storage: Storage, table: str) -> None:
    storage.table("POST", f"/{table}", entity("r", **{"A": "5", "A@odata.type": "Edm.Int64", "B": "kept"}))
    assert storage.table("PATCH", at(table, "r"), {"A": "text", "C": None}).status_code == 204
    merged = storage.table("GET", at(table, "r")).json()
    assert (merged["A"], merged["B"], "A@odata.type" in merged) == ("text", "kept", False)
    assert storage.table("PUT", at(table, "r"), {"A": 1}).status_code == 204
    replaced = storage.table("GET", at(table, "r")).json()
    assert (replaced["A"], "B" in replaced) == (1, False)
    assert storage.table("PUT", at(table, "new"), {"A": 1}).status_code == 204  # who names no version may also insert


def test_a_version_that_is_not_the_newest_changes_nothing(storage: Storage, table: str) -> None:
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


def test_odd_keys_are_kept_apart(storage: Storage, table: str) -> None:
    for place, key in enumerate(KEYS):
        assert storage.table("POST", f"/{table}", entity(key, Place=place)).status_code == 201, key
    assert storage.table("POST", f"/{table}", entity("A")).status_code == 201
    assert storage.table("POST", f"/{table}", entity("a")).status_code == 201
    assert set(rows(storage, table)) == {*KEYS, "A", "a"}
    assert rows(storage, table, "RowKey eq 'it''s'") == ["it's"]


@pytest.mark.parametrize("key", ["a/b", "a\\b", "a#b", "a?b", "a\tb", "x" * 513])
def test_a_bad_key_is_refused(storage: Storage, table: str, key: str) -> None:
    assert storage.table("POST", f"/{table}", entity(key)).status_code == 400
    assert rows(storage, table) == []


@pytest.mark.parametrize("body", [{"RowKey": "r"}, {"PartitionKey": "p", "RowKey": None}, {"PartitionKey": "p"}])
def test_an_entity_needs_both_keys(storage: Storage, table: str, body: dict[str, Any]) -> None:
    assert code(storage.table("POST", f"/{table}", body)) == (400, "PropertiesNeedValue")


def test_what_is_too_large_is_refused(storage: Storage, table: str) -> None:
    assert code(storage.table("POST", f"/{table}", entity("r", T="x" * 32769))) == (400, "PropertyValueTooLarge")
    large = {f"T{number}": "x" * 32000 for number in range(40)}
    assert code(storage.table("PUT", at(table, "r"), large)) == (400, "EntityTooLarge")


@pytest.mark.parametrize("value", [{"a": 1}, [1]])
def test_what_is_no_value_is_refused(storage: Storage, table: str, value: Any) -> None:
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


@pytest.mark.parametrize("wanted", ["Text eq", "Text is 'a'", "(Text eq 'a'", "startswith(Text,'a')"])
def test_a_filter_that_cannot_be_read_is_400(storage: Storage, table: str, wanted: str) -> None:
    storage.table("POST", f"/{table}", entity("r", Text="a"))
    assert storage.ask("tables", "GET", f"/{table}()", params={"$filter": wanted}).status_code == 400


def test_pages_follow_each_other_in_the_order_of_keys(storage: Storage, table: str) -> None:
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
def test_a_number_of_rows_that_is_none_is_400(storage: Storage, table: str, top: str) -> None:
    assert storage.ask("tables", "GET", f"/{table}()", params={"$top": top}).status_code == 400


def test_an_error_of_tables_says_what_and_why(storage: Storage) -> None:
    answer = storage.table("GET", "/nosuchtable()")
    error = answer.json()["odata.error"]
    assert (error["code"], error["message"]["lang"]) == ("TableNotFound", "en-US")
    assert error["message"]["value"].startswith("The table specified does not exist.")


@pytest.mark.parametrize("service", ["tables", "blobs"])
def test_nothing_opens_without_a_token(storage: Storage, service: str) -> None:
    answer = storage.ask(service, "GET", "/anything", headers={"Authorization": ""})
    assert answer.status_code in (400, 401, 403)


def test_a_container_is_made_once_described_and_deleted(storage: Storage) -> None:
    name = f"made{next(_names)}"
    assert storage.blob("PUT", f"/{name}?restype=container").status_code == 201
    assert code(storage.blob("PUT", f"/{name}?restype=container")) == (409, "ContainerAlreadyExists")
    assert storage.blob("PUT", f"/{name}?restype=container&comp=metadata", x_ms_meta_Owner="ann").status_code == 200
    shown = storage.blob("GET", f"/{name}?restype=container")
    assert (shown.status_code, shown.headers["x-ms-meta-owner"]) == (200, "ann")
    assert f"<Name>{name}</Name>" in storage.blob("GET", f"/?comp=list&prefix={name}").text
    assert storage.blob("DELETE", f"/{name}?restype=container").status_code == 202
    assert code(storage.blob("GET", f"/{name}?restype=container")) == (404, "ContainerNotFound")


def test_a_blob_comes_back_as_it_went(storage: Storage, container: str) -> None:
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
def test_a_part_of_a_blob_is_answered_as_a_part(
    storage: Storage, container: str, asked: str, content: bytes, told: str
) -> None:
    storage.blob("PUT", f"/{container}/b", b"hello world", x_ms_blob_type="BlockBlob")
    answer = storage.blob("GET", f"/{container}/b", Range=asked)
    assert (answer.status_code, answer.content, answer.headers["Content-Range"]) == (206, content, told)
    assert code(storage.blob("GET", f"/{container}/b", Range="bytes=50-60")) == (416, "InvalidRange")


def test_conditions_are_kept(storage: Storage, container: str) -> None:
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


def test_who_holds_the_lease_writes_alone(storage: Storage, container: str) -> None:
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


def test_a_lease_is_broken_by_whoever_must(storage: Storage, container: str) -> None:
    path = f"/{container}/b"
    storage.blob("PUT", path, b"one", x_ms_blob_type="BlockBlob")
    never = storage.blob("PUT", f"{path}?comp=lease", x_ms_lease_action="break")
    assert code(never) == (409, "LeaseNotPresentWithLeaseOperation")
    storage.blob("PUT", f"{path}?comp=lease", x_ms_lease_action="acquire", x_ms_lease_duration="-1")
    broken = storage.blob("PUT", f"{path}?comp=lease", x_ms_lease_action="break")
    assert (broken.status_code, broken.headers["x-ms-lease-time"]) == (202, "0")
    assert storage.blob("HEAD", path).headers["x-ms-lease-state"] == "broken"
    assert storage.blob("DELETE", path).status_code == 202
