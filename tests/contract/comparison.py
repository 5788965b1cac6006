"""Whether two answers are of one shape: the same status, headers that clients act on, keys and types, error codes."""

from collections import defaultdict
from typing import Any

from local.azure.core.responses import Answer
from tests.contract.recordings import Poll, Recording

HEADERS = ("azure-asyncoperation", "location", "retry-after", "www-authenticate", "x-ms-failure-cause", "etag")
# Below these the keys are the caller's own.
OPEN = frozenset({"tags", "settings", "userAssignedIdentities", "parameters", "data", "metadata"})
OWN = ("properties", "error")
TYPES = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}


def differences(real: Recording, ours: Answer) -> list[str]:
    """What the real answer has and ours has not, and the other way round; each as a line that names where."""
    found = []
    if ours.status != real.status:
        found.append(f"status: {real.status}, ours {ours.status}")
    found += _headers(real, {name.lower(): value for name, value in ours.headers.items()})
    if real.status >= 400:
        return found + _errors(real.answered, ours.body)
    return found + _shapes(real, ours.body) + _states(real.answered, ours.body)


def poll_differences(real: Poll, ours: Answer) -> list[str]:
    """How two answers to the question how an operation stands differ; outputs are the operation's own."""
    found = []
    if ours.status != real.status:
        found.append(f"status: {real.status}, ours {ours.status}")
    mine = {name.lower() for name, value in ours.headers.items() if value}
    found += [f"lacks {name}" for name in ("location", "azure-asyncoperation") if name in real.headers and name not in mine]
    if real.style == "azure-asyncoperation":
        theirs, keys = set(paths(_bare(real.answered))), set(paths(_bare(ours.body)))
        found += [f"missing: {path}" for path in sorted(theirs - keys)] + [
            f"extra: {path}" for path in sorted(keys - theirs)
        ]
    where = f"poll at {real.style}, {'running' if real.running else 'ended'}: "
    return [where + line for line in found]


def _bare(body: Any) -> Any:
    return {name: value for name, value in body.items() if name not in OWN} if isinstance(body, dict) else None


def _headers(real: Recording, ours: dict[str, str]) -> list[str]:
    found = []
    for name in HEADERS:
        theirs, mine = real.headers.get(name), ours.get(name)
        if name == "retry-after" and not real.trusted:
            continue
        if bool(theirs) != bool(mine) or (name == "retry-after" and theirs != mine):
            found.append(f"header {name}: {_brief(theirs)}, ours {_brief(mine)}")
    return found


def _errors(real: Any, ours: Any) -> list[str]:
    theirs, mine = _error(real), _error(ours)
    if theirs is None:
        return []  # recorded without a body that could be read
    found = [] if theirs.get("code") == (mine or {}).get("code") else [f"code: {theirs.get('code')}, ours {mine}"]
    missing = {name for name, value in theirs.items() if value is not None} - set(mine or {})
    return found + [f"error lacks {name}" for name in sorted(missing)]


def _error(body: Any) -> dict[str, Any] | None:
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else None


def _shapes(real: Recording, ours: Any) -> list[str]:
    theirs, mine = paths(real.answered), paths(ours)
    if real.cut:
        theirs = {path: kinds for path, kinds in theirs.items() if path in mine}
        mine = theirs
    missing = [f"missing: {path}" for path in _topmost(set(theirs) - set(mine))]
    extra = [f"extra: {path}" for path in _topmost(set(mine) - set(theirs))]
    both = sorted(path for path in theirs if path in mine)
    types = [
        f"type of {path}: {_kinds(theirs[path])}, ours {_kinds(mine[path])}"
        for path in both
        if not theirs[path] & mine[path]
    ]
    return missing + extra + types


def _states(real: Any, ours: Any) -> list[str]:
    theirs, mine = _state(real), _state(ours)
    return [] if theirs == mine else [f"state: {theirs}, ours {mine}"]


def _state(body: Any) -> Any:
    properties = body.get("properties") if isinstance(body, dict) else None
    return properties.get("provisioningState") if isinstance(properties, dict) else None


def paths(value: Any, at: str = "") -> dict[str, set[str]]:
    """Every key of a JSON value, with the types it has; the elements of a list are taken together."""
    found: dict[str, set[str]] = defaultdict(set)
    if at:
        found[at].add(TYPES.get(type(value), "number"))
    below: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        below = [(f"{at}.{key}".lstrip("."), item) for key, item in value.items()]
    elif isinstance(value, list):
        below = [(f"{at}[]", item) for item in value]
    if at.rpartition(".")[2].rstrip("[]") in OPEN:
        return found
    for where, item in below:
        for path, kinds in paths(item, where).items():
            found[path] |= kinds
    return found


def _topmost(missing: set[str]) -> list[str]:
    return sorted(p for p in missing if not any(q != p and p.startswith((q + ".", q + "[")) for q in missing))


def _kinds(kinds: set[str]) -> str:
    return "/".join(sorted(kinds))


def _brief(text: str | None) -> str:
    return (text or "none")[:40]
