"""Recorded traffic of real Azure, as far as the simulation claims to serve it (see ../../../shared/data/arm-recordings)."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import INTERNAL_SERVER_ERROR
from pathlib import Path
from typing import Any

from local.azure.core import versions, world
from local.azure.core.world import SUBSCRIPTION
from local.azure.providers.common import canonical
from local.azure.providers.kinds import CLUSTER, GROUP, MACHINE
from local.azure.services import arm
from tests.support import ROOT

DATA = ROOT.parent / "shared" / "data" / "arm-recordings"
NETWORK = "virtualnetworks|networksecuritygroups|publicipaddresses|networkinterfaces"
ACTIONS = r"instanceview|start|deallocate|poweroff|restart|runcommand|extensions(?:/\{\})?"
OF_CLUSTERS = r"start|stop|listcluster(?:user|admin)credential|runcommand|(?:agentpools|commandresults)(?:/\{\})?"
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
            r"GET \[res\]/microsoft\.insights/metrics$",
            r"(?:GET|PUT|DELETE) \[(?:rg|sub)\]/microsoft\.containerregistry/registries(?:/\{\})?$",
            r"POST \[sub\]/microsoft\.containerregistry/checknameavailability$",
            r"POST \[rg\]/microsoft\.containerregistry/registries/\{\}/importimage$",
            rf"\w+ \[(?:rg|sub)\]/microsoft\.containerservice/managedclusters(?:/\{{\}}(?:/(?:{OF_CLUSTERS}))?)?$",
            r"\w+ \[(?:rg|sub)\]/microsoft\.authorization/roledefinitions/\{\}$",
            r"\w+ \[rg\]/microsoft\.machinelearningservices/workspaces(?:/\{\}(?:/(?:computes|datastores)(?:/\{\})?)?)?$",
            r"\w+ \[rg\]/microsoft\.managedidentity/userassignedidentities(?:/\{\})?$",
            r"\w+ \[rg\]/microsoft\.operationalinsights/workspaces(?:/\{\})?$",
            r"\w+ \[(?:rg|sub)\]/microsoft\.insights/components(?:/\{\})?$",
            r"(?:GET|PUT|DELETE) \[rg\]/microsoft\.insights/actiongroups(?:/\{\})?$",
            r"\w+ \[res\]/microsoft\.insights/diagnosticsettings(?:/\{\})?$",
            r"\w+ \[rg\]/microsoft\.alertsmanagement/smartdetectoralertrules(?:/\{\})?$",
        )
    ),
    re.IGNORECASE,
)
# Only these recorders kept the header unchanged.
TRUSTED_WITH_RETRY_AFTER = ("azure-service-operator", "azure-xplat-cli", "azure-sdk-for-node", "azure-libraries-for-net")
DATA_PLANE = re.compile(r"7\.\d")
GRAPH_SINCE = "2021-03-01"
# The shapes of these did not change: recordings in older versions are replayed in the oldest one that is served.
TIMELESS = re.compile(
    r"virtualmachines/\{\}/(?:instanceview|start|deallocate|poweroff|restart)$"
    r"|managedclusters/\{\}/(?:start|stop|listcluster(?:user|admin)credential|runcommand|commandresults/\{\})$"
)
TIMELESS_SINCE = "2017-03-30"
METRICS = "microsoft.insights/metrics"
HAND_MADE = "T12:00:00Z"  # one answer about metrics is not recorded, but written by hand for a test
NO_TIME = "timespan=0000-00-00"  # so the recorder has replaced the time that was asked for
SIZE, REGION = "Standard_D2s_v5", "westus"
CATALOGUE = json.loads((Path(world.__file__).parent / "catalogue.json").read_text())["sizes"]
REGIONS = frozenset(CATALOGUE[SIZE]["usd_per_hour"])
UNDER_WAY = ("inprogress", "running", "accepted", "creating", "updating", "deleting")


@dataclass(frozen=True, slots=True)
class Poll:
    """One poll of a long-running operation: the URL that was polled, the response, and whether the operation was still
    running.
    """

    style: str
    running: bool
    status: int
    headers: dict[str, str]
    answered: Any
    cut: bool
    trusted: bool


@dataclass(frozen=True, slots=True)
class Recording:
    """One request and the response of real Azure; names are replaced where the simulation requires its own."""

    id: str
    op: str
    method: str
    path: str
    version: str
    recorded_in: str
    body: Any
    status: int
    headers: dict[str, str]
    answered: Any
    cut: bool
    trusted: bool
    at: str
    code: str
    polls: tuple[Poll, ...]

    @property
    def bare(self) -> str:
        return self.path.partition("?")[0]

    @property
    def text(self) -> str:
        """The recorded response as JSON."""
        return json.dumps(self.answered)


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
                    continue  # the recorder removed it
                if whole["response"]["status"] >= INTERNAL_SERVER_ERROR:
                    continue  # a moment of trouble, which nothing in the request has caused
                seen.add(key)
                yield _recording(whole, len(seen))


def _followed(whole: dict[str, Any]) -> bool:
    version = str(whole.get("api_version") or "")
    if "vault:" in whole["op"]:
        return DATA_PLANE.fullmatch(version) is not None
    if TIMELESS.search(whole["op"]):
        return version >= TIMELESS_SINCE
    if whole["op"].endswith(METRICS):
        return "/virtualmachines/" in whole["path"].lower() and HAND_MADE not in str(whole["recorded_at"])
    kind = arm.kind_of(whole["path"].partition("?")[0]).lower()
    if kind in versions.KNOWN:
        return version in versions.KNOWN[kind] and version >= versions.SERVED_SINCE[kind]
    return version >= GRAPH_SINCE if "resourcegraph" in whole["op"] else version >= "2022"


def _recording(whole: dict[str, Any], number: int) -> Recording:
    said = whole["response"]
    parts = [
        whole["path"],
        whole["request"].get("body"),
        said.get("body"),
        said.get("headers") or {},
        whole.get("polls", []),
    ]
    text = json.dumps(parts)
    text = re.sub(r'(?i)(/subscriptions/)(?!\w+/?")[^/"?\\]+', rf"\g<1>{SUBSCRIPTION}", text)
    group = re.compile(r'(?i)(/resourcegroups/)([^/"?\\]+)')
    places = {name.lower(): f"g{number}-{place}" for place, (_, name) in enumerate(group.findall(text))}
    text = group.sub(lambda match: f"{match[1]}{places[match[2].lower()]}", text)
    # The name of a group is a part of the name of the node resource group of its clusters.
    text = re.sub(r"MC_([^_\"/]+)_", lambda match: f"MC_{places.get(match[1].lower(), match[1])}_", text)
    path, body, answered, headers, polls = json.loads(text)
    body, answered = _adapted(whole["op"], body), _of_our_size(whole["op"], _named(answered))
    error = (answered.get("error") or {}) if isinstance(answered, dict) else {}
    source = f"{whole['source']['client']} {whole['source']['repo']}"
    trusted = any(name in source for name in TRUSTED_WITH_RETRY_AFTER)
    version = str(whole.get("api_version"))
    timeless = (MACHINE if "virtualmachines" in whole["op"] else CLUSTER).lower()
    if TIMELESS.search(whole["op"]) and version < versions.SERVED_SINCE[timeless]:
        oldest = min(known for known in versions.KNOWN[timeless] if known >= versions.SERVED_SINCE[timeless])
        path, version = path.replace(f"api-version={version}", f"api-version={oldest}"), oldest
    if NO_TIME in path:
        path = path.replace(NO_TIME, f"timespan={answered['timespan']}")
    return Recording(
        id=whole["id"],
        op=whole["op"],
        method=whole["method"],
        path=path,
        version=version,
        recorded_in=str(whole.get("api_version")),
        body=body,
        status=said["status"],
        headers={name.lower(): value for name, value in headers.items()},
        answered=answered,
        cut=bool(said.get("body_cut")),
        trusted=trusted,
        at=str(whole.get("recorded_at") or ""),
        code=str(error.get("code", "")) if isinstance(error, dict) else "",
        polls=tuple(_poll(poll, trusted=trusted) for poll in polls if "response" in poll),
    )


def _poll(poll: dict[str, Any], *, trusted: bool) -> Poll:
    said, bare = poll["response"], poll["path"].partition("?")[0].lower()
    at_location = "monitor=true" in poll["path"] or "operationresults" in bare
    running = said["status"] == 202 or str(poll.get("state", "")).lower() in UNDER_WAY
    headers = {name.lower(): value for name, value in (said.get("headers") or {}).items()}
    style = "location" if at_location else "azure-asyncoperation"
    return Poll(style, running, said["status"], headers, said.get("body"), bool(said.get("body_cut")), trusted)


def _named(answered: Any) -> Any:
    """A group, or a list of groups, with the name in its replaced ID."""
    for item in answered.get("value") or [answered] if isinstance(answered, dict) else []:
        if isinstance(item, dict) and item.get("type") == GROUP:
            item["name"] = item["id"].rpartition("/")[2]
    return answered


def _adapted(op: str, body: Any) -> Any:
    """A request that the simulation can carry out: for our subscription, with a password in place of the removed one, and
    for machines of a size and in a region that the catalogue has.
    """
    if not isinstance(body, dict):
        return body
    if "subscriptions" in body and "query" in body:
        return {**body, "subscriptions": [SUBSCRIPTION]}
    properties = body.get("properties") or {}
    if "virtualmachines" in op and (properties.get("osProfile") or {}).get("adminPassword"):
        properties["osProfile"]["adminPassword"] = "Pass-word-1234"
    return _of_our_size(op, body)


def _pools_of_our_size(document: dict[str, Any]) -> dict[str, Any]:
    properties = document.get("properties") or {}
    for pool in (properties, *(properties.get("agentPoolProfiles") or ())):
        if "vmSize" in pool:
            pool["vmSize"] = SIZE
    return document


def _of_our_size(op: str, document: Any) -> Any:
    """A machine, or a list of machines, of a size and in a region that the catalogue has; and pools of such machines."""
    if "managedclusters" in op and isinstance(document, dict):
        return _pools_of_our_size(document)
    if "virtualmachines" not in op or not isinstance(document, dict):
        return document
    if "/runcommand" in op:
        return document
    for machine in document["value"] if isinstance(document.get("value"), list) else [document]:
        if "location" in machine and canonical(str(machine["location"])) not in REGIONS:
            machine["location"] = REGION
        if "hardwareProfile" in (machine.get("properties") or {}):
            machine["properties"]["hardwareProfile"]["vmSize"] = SIZE
    return document
