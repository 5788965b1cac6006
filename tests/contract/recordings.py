"""Recorded traffic of real Azure, as far as the simulation claims to serve it (see ../../../shared/data/arm-recordings)."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from local.azure.core import versions
from local.azure.core.world import SUBSCRIPTION
from local.azure.services import arm
from tests.support import ROOT

DATA = ROOT.parent / "shared" / "data" / "arm-recordings"
NETWORK = "virtualnetworks|networksecuritygroups|publicipaddresses|networkinterfaces"
ACTIONS = r"instanceview|start|deallocate|poweroff|restart|runcommand|extensions(?:/\{\})?"
SERVED = re.compile(
    "|".join(
        (
            r"(?:GET|PUT|HEAD|DELETE|PATCH) /subscriptions/\{\}/resourcegroups(?:/\{\})?$",
            rf"\w+ \[(?:rg|sub|res)\]/microsoft\.network/(?:{NETWORK})(?:/\{{\}})?$",
            r"\w+ \[(?:rg|sub)\]/microsoft\.storage/storageaccounts(?:/\{\}(?:/blobservices/\{\}/containers(?:/\{\})?)?)?$",
            r"\w+ \[sub\]/microsoft\.storage/checknameavailability$",
            rf"\w+ \[(?:rg|sub)\]/microsoft\.compute/virtualmachines(?:/\{{\}}(?:/(?:{ACTIONS}))?)?$",
            r"\w+ \[(?:rg|sub)\]/microsoft\.compute/disks(?:/\{\})?$",
            r"GET \[sub\]/microsoft\.compute/locations/\{\}/usages$",
            r"\w+ \[(?:rg|sub|res)\]/microsoft\.authorization/roleassignments(?:/\{\})?$",
            r"\w+ \[(?:rg|sub)\]/microsoft\.keyvault/vaults(?:/\{\})?$",
            r"\w+ \[sub\]/microsoft\.keyvault/(?:deletedvaults|locations/\{\}/deletedvaults/\{\}(?:/purge)?)$",
            r"POST \[tenant\]/microsoft\.resourcegraph/resources$",
            r"\w+ vault:/(?:deleted)?secrets",
        )
    ),
    re.IGNORECASE,
)
# Only these recorders left the header as it was.
TRUSTED_WITH_RETRY_AFTER = ("azure-service-operator", "azure-xplat-cli", "azure-sdk-for-node", "azure-libraries-for-net")
DATA_PLANE = re.compile(r"7\.\d")
GRAPH_SINCE = "2021-03-01"
UNDER_WAY = ("inprogress", "running", "accepted", "creating", "updating", "deleting")


@dataclass(frozen=True, slots=True)
class Poll:
    """One question how a long operation stands, and the answer: at which of its addresses, and whether it still ran."""

    style: str
    running: bool
    status: int
    headers: dict[str, str]
    answered: Any


@dataclass(frozen=True, slots=True)
class Recording:
    """One request and what real Azure answered; names are our own where the simulation insists on them."""

    id: str
    op: str
    method: str
    path: str
    version: str
    body: Any
    status: int
    headers: dict[str, str]
    answered: Any
    cut: bool
    trusted: bool
    code: str
    polls: tuple[Poll, ...]

    @property
    def bare(self) -> str:
        return self.path.partition("?")[0]


def recordings() -> Iterator[Recording]:
    """Every different request of a served kind, in an API version that the simulation follows."""
    seen: set[tuple[str, str, str]] = set()
    for folder in ("interactions", "lro"):
        for file in sorted((DATA / folder).glob("*.jsonl")):
            for line in file.read_text().splitlines():
                record = json.loads(line)
                whole = {**record, **record.get("initial", {})}
                key = (whole["method"], whole["path"], whole.get("recorded_at") or "")
                if key in seen or not SERVED.match(whole["op"]) or not _followed(whole):
                    continue
                if whole["method"] in ("PUT", "PATCH") and not whole["request"].get("body"):
                    continue  # the recorder did not keep it
                seen.add(key)
                yield _recording(whole, len(seen))


def _followed(whole: dict[str, Any]) -> bool:
    version = str(whole.get("api_version") or "")
    if "vault:" in whole["op"]:
        return DATA_PLANE.fullmatch(version) is not None
    kind = arm.kind_of(whole["path"].partition("?")[0]).lower()
    if kind in versions.KNOWN:
        return version in versions.KNOWN[kind] and version >= versions.SERVED_SINCE[kind]
    return version >= GRAPH_SINCE if "resourcegraph" in whole["op"] else version >= "2022"


def _recording(whole: dict[str, Any], number: int) -> Recording:
    said = whole["response"]
    text = json.dumps([whole["path"], whole["request"].get("body"), said.get("body"), said.get("headers") or {}])
    text = re.sub(r'(?i)(/subscriptions/)(?!\w+/?")[^/"?\\]+', rf"\g<1>{SUBSCRIPTION}", text)
    group = re.compile(r'(?i)(/resourcegroups/)([^/"?\\]+)')
    places = {name.lower(): f"g{number}-{place}" for place, (_, name) in enumerate(group.findall(text))}
    text = group.sub(lambda match: f"{match[1]}{places[match[2].lower()]}", text)
    path, body, answered, headers = json.loads(text)
    error = (answered.get("error") or {}) if isinstance(answered, dict) else {}
    return Recording(
        id=whole["id"],
        op=whole["op"],
        method=whole["method"],
        path=path,
        version=str(whole.get("api_version")),
        body=_adapted(whole["op"], body),
        status=said["status"],
        headers={name.lower(): value for name, value in headers.items()},
        answered=answered,
        cut=bool(said.get("body_cut")),
        trusted=any(name in f"{whole['source']['client']} {whole['source']['repo']}" for name in TRUSTED_WITH_RETRY_AFTER),
        code=str(error.get("code", "")) if isinstance(error, dict) else "",
        polls=tuple(_poll(poll) for poll in whole.get("polls", []) if "response" in poll),
    )


def _poll(poll: dict[str, Any]) -> Poll:
    said, bare = poll["response"], poll["path"].partition("?")[0].lower()
    at_location = "monitor=true" in poll["path"] or "operationresults" in bare
    running = said["status"] == 202 or str(poll.get("state", "")).lower() in UNDER_WAY
    headers = {name.lower(): value for name, value in (said.get("headers") or {}).items()}
    style = "location" if at_location else "azure-asyncoperation"
    return Poll(style, running, said["status"], headers, said.get("body"))


def _adapted(op: str, body: Any) -> Any:
    """Machines in a size and a place that the catalogue knows, with a password that recorders took out."""
    if "virtualmachines" in op and isinstance(body, dict):
        properties = body.get("properties") or {}
        if body.get("location"):
            body["location"] = "westus"
        if (properties.get("osProfile") or {}).get("adminPassword"):
            properties["osProfile"]["adminPassword"] = "Pass-word-1234"
        if "hardwareProfile" in properties:
            properties["hardwareProfile"]["vmSize"] = "Standard_D2s_v5"
    return body
