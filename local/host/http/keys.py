"""Keys and their authorization levels (Azure/azure-functions-host, AuthenticationLevelHandler.cs).

There may be several host keys at once, each with a name, so that one can replace another:
https://learn.microsoft.com/azure/azure-functions/function-keys-how-to. This host reads them when it starts.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from hmac import compare_digest
from pathlib import Path


class Level(IntEnum):
    """The authorization level of a key."""

    ANONYMOUS = 0
    FUNCTION = 1
    SYSTEM = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class Keys:
    """The host's keys: the default one for functions and others by name, one for durable, and the master key."""

    function: str
    durable: str
    master: str
    others: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def at(cls, path: Path) -> "Keys":
        """The keys in a file, which is created on first use and readable only by its owner."""
        if path.exists():
            return cls(**json.loads(path.read_text()))
        function, durable, master = (secrets.token_urlsafe(32) for _ in range(3))
        keys = cls(function, durable, master)
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(asdict(keys)))
        fresh.replace(path)  # written atomically
        return keys

    def level_of(self, headers: Mapping[str, str], query: Mapping[str, str]) -> Level:
        """The authorization level of a request: the header counts if present, else the query; compared in constant time."""
        given = headers.get("x-functions-key", query.get("code", ""))
        opened = Level.ANONYMOUS
        functions = ((key, Level.FUNCTION) for key in (self.function, *self.others.values()))
        for key, level in (*functions, (self.durable, Level.SYSTEM), (self.master, Level.ADMIN)):
            if compare_digest(given.encode(errors="surrogateescape"), key.encode()):
                opened = level
        return opened
