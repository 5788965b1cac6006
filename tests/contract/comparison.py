"""Compares two responses: status, headers that clients act on, keys and types, values, error codes and messages."""

import re
from collections.abc import Iterator
from typing import Any

from local.azure.core.responses import Answer
from tests.contract.recordings import Poll, Recording
from tests.contract.values import OPEN, value_differences

HEADERS = ("azure-asyncoperation", "location", "retry-after", "www-authenticate", "x-ms-failure-cause", "etag")
URLS = ("azure-asyncoperation", "location")
OWN = ("properties", "error")
TYPES = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
# Of the words of a recorded message, so many must be in ours: names, numbers and GUIDs do not count.
SHARED_WORDS = 0.6
NUMBERED = re.compile(r"\d|['\"{}/_]")
QUERY_OF_ITS_OWN = frozenset({"t", "c", "s", "h", "p"})


def differences(real: Recording, ours: Answer) -> list[str]:
    """What only the real or only the simulated response has; each as a line that names the place."""
    found = _status(real.status, ours)
    found += _headers(real, {name.lower(): value for name, value in ours.headers.items()})
    if real.status >= 400:
        return found + _errors(real.answered, ours.body)
    return (
        found + _shapes(real.answered, ours.body, cut=real.cut) + value_differences(real.answered, ours.body, cut=real.cut)
    )


def poll_differences(real: Poll, ours: Answer) -> list[str]:
    """How two responses to a poll of a long-running operation differ."""
    found = _status(real.status, ours)
    mine = {name.lower(): value for name, value in ours.headers.items() if value}
    found += [f"lacks {name}" for name in URLS if name in real.headers and name not in mine]
    if real.trusted and real.headers.get("retry-after") != mine.get("retry-after"):
        found.append(f"header retry-after: {real.headers.get('retry-after')}, ours {mine.get('retry-after')}")
    if real.style == "azure-asyncoperation":
        theirs, own = _bare(real.answered), _bare(ours.body)
        found += _shapes(theirs, own, cut=False) + value_differences(theirs, own)
        found += _errors(real.answered, ours.body) if "error" in (real.answered or {}) else []
    elif isinstance(real.answered, dict) and real.status < 300:
        found += _shapes(real.answered, ours.body, cut=real.cut) + value_differences(real.answered, ours.body, cut=real.cut)
    where = f"poll at {real.style}, {'running' if real.running else 'ended'}: "
    return [where + line for line in found]


def _status(real: int, ours: Answer) -> list[str]:
    return [] if ours.status == real else [f"status: {real}, ours {ours.status}"]


def _bare(body: Any) -> Any:
    return {name: value for name, value in body.items() if name not in OWN} if isinstance(body, dict) else None


def _headers(real: Recording, ours: dict[str, str]) -> list[str]:
    found = []
    for name in HEADERS:
        theirs, mine = real.headers.get(name), ours.get(name)
        if name == "retry-after" and not real.trusted:
            continue
        if bool(theirs) != bool(mine) or (theirs and mine and _form(name, theirs) != _form(name, mine)):
            found.append(f"header {name}: {_brief(theirs)}, ours {_brief(mine)}")
    return found


def _form(name: str, value: str) -> Any:
    """What is alike in two values of a header: of a URL its path with neither names nor GUIDs, and its parameters."""
    if name == "etag":
        return value[:1] if value[:1] in 'W"' else "", '"' in value
    if name not in URLS:
        return value if name != "www-authenticate" else value.partition(" ")[0]
    path, _, query = value.partition("?")
    words = path.lower().split("/")[3:]
    fixed = [word for place, word in enumerate(words) if place % 2 == 0 or words[place - 1] == "providers"]
    return fixed, sorted({part.partition("=")[0].lower() for part in query.split("&")} - QUERY_OF_ITS_OWN)


def _errors(real: Any, ours: Any) -> list[str]:
    theirs, mine = _error(real), _error(ours)
    if theirs is None:
        return []  # recorded without a readable body
    enveloped = ["error" in body for body in (real, ours) if isinstance(body, dict)]
    mine = mine or {}
    found = ["error in an envelope or without one"] if len(set(enveloped)) > 1 else []
    found += [] if theirs.get("code") == mine.get("code") else [f"code: {theirs.get('code')}, ours {mine.get('code')}"]
    missing = {name for name, value in theirs.items() if value is not None} - set(mine)
    found += [f"error lacks {name}" for name in sorted(missing)]
    for name in ("target", "innererror"):
        if name in mine and theirs.get(name) != mine[name]:
            found.append(f"error {name}: {theirs.get(name)}, ours {mine[name]}")
    known, words = set(_words(mine.get("message"))), set(_words(theirs.get("message")))
    if theirs.get("message") and not (mine.get("message") and len(words & known) >= SHARED_WORDS * len(words)):
        found.append(f"message: {_brief(theirs['message'])}, ours {_brief(mine.get('message'))}")
    return found


def _words(message: Any) -> Iterator[str]:
    for word in str(message or "").lower().split():
        bare = word.strip(".,:;()'\"")
        if bare and not NUMBERED.search(bare):
            yield bare


def _error(body: Any) -> dict[str, Any] | None:
    error = body.get("error") if isinstance(body, dict) else None
    if error is None and isinstance(body, dict) and "code" in body and "message" in body:
        error = body  # Azure Monitor sends errors bare
    return error if isinstance(error, dict) else None


def _shapes(real: Any, ours: Any, *, cut: bool) -> list[str]:
    theirs, mine = paths(real), paths(ours)
    if cut:
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


def paths(value: Any, at: str = "") -> dict[str, set[str]]:
    """Every key of a JSON value, with the types it has; the elements of a list are merged."""
    found: dict[str, set[str]] = {at: {TYPES.get(type(value), "number")}} if at else {}
    below: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        below = [(f"{at}.{key}".lstrip("."), item) for key, item in value.items()]
    elif isinstance(value, list):
        below = [(f"{at}[]", item) for item in value]
    if at.rpartition(".")[2].rstrip("[]") in OPEN:
        return found
    for where, item in below:
        for path, kinds in paths(item, where).items():
            found[path] = found.get(path, set()) | kinds
    return found


def _topmost(missing: set[str]) -> list[str]:
    return sorted(p for p in missing if not any(q != p and p.startswith((q + ".", q + "[")) for q in missing))


def _kinds(kinds: set[str]) -> str:
    return "/".join(sorted(kinds))


def _brief(text: str | None) -> str:
    return (text or "none")[:60]
