"""The accounts inside a simulated machine: their passwords as /etc/shadow has them, and who may use its hub.

Scripts change them by functions of a restricted shell, which tell every change in a line of its own.
"""

from collections.abc import Mapping
from typing import Any

# The passwords of others than the administrator, by account; one that is locked keeps what it had.
ACCOUNTS = "accounts"
FIRST = "$6$first$boot"
SHELL = r"""
SHADOW='@SHADOW@'
line_of() { local line; while IFS= read -r line; do [ "${line%%:*}" = "$1" ] && printf '%s\n' "$line"; done <<< "$SHADOW"; }
set_line() {
  local line kept=
  while IFS= read -r line; do [ "${line%%:*}" = "${1%%:*}" ] || kept+="$line"$'\n'; done <<< "$SHADOW"
  SHADOW="$kept$1"
}
chpasswd() {
  local said
  [ "$1" = -e ] && IFS= read -r said && [ -n "$(line_of "${said%%:*}")" ] || return 1
  set_line "$said"
  printf 'password %s\n' "$said" >&@TOLD@
}
getent() {
  [ "$1" = shadow ] && [ -n "$(line_of "$2")" ] && printf '%s:20000:0:99999:7:::\n' "$(line_of "$2")"
}
dormouse-hub-users() {
  local name sudo version hashed count=0
  [ "$1" = apply ] || return 1
  while read -r name sudo version hashed; do
    printf 'user %s %s %s %s\n' "$name" "$sudo" "$version" "$hashed" >&@TOLD@
    count=$((count + 1))
  done
  printf 'end\n' >&@TOLD@
  printf 'dormouse-users passed %s users can log in\n' "$count"
}
[ "@HUB_USERS@" = there ] || unset -f dormouse-hub-users
"""


def shadow_of(inside: Mapping[str, Any], administrator: str) -> str:
    """The lines of /etc/shadow, of the administrator first."""
    accounts: Mapping[str, Any] = inside.get(ACCOUNTS, {})
    others = [f"{name}:{'!' if one['locked'] else ''}{one['hash']}" for name, one in accounts.items()]
    return "\n".join([str(inside.get("shadow") or f"{administrator}:{FIRST}"), *others])


def after(told: str, inside: Mapping[str, Any], administrator: str) -> dict[str, Any]:
    """What changes inside a machine by what a script has told; nothing if it has told nothing."""
    changes: dict[str, Any] = {}
    accounts: dict[str, Any] = {name: dict(one) for name, one in inside.get(ACCOUNTS, {}).items()}
    wanted: dict[str, Any] = {}
    for line in told.splitlines():
        word, _, rest = line.partition(" ")
        if word == "password":
            name, _, hashed = rest.partition(":")
            if name == administrator:
                changes["shadow"] = rest
            elif name in accounts:
                accounts[name] = {**accounts[name], "hash": hashed, "locked": False}
                changes[ACCOUNTS] = accounts
        elif word == "user":
            name, sudo, version, hashed = rest.split()
            wanted[name] = _account(accounts.get(name), sudo == "sudo", version, hashed)
        elif word == "end":
            locked = {name: {**one, "locked": True, "sudo": False} for name, one in accounts.items() if name not in wanted}
            changes[ACCOUNTS] = {**locked, **wanted}
            hub = inside.get("hub")
            if hub:
                remembered = () if hub["forgets"] else [name for name in hub["users"][1:] if name not in wanted]
                changes["hub"] = {**hub, "users": [administrator, *wanted, *remembered]}
    return changes


def _account(before: Mapping[str, Any] | None, sudo: bool, version: str, hashed: str) -> dict[str, Any]:  # noqa: FBT001
    """An account after a change of the users: a password that is there stays, unless its version is another one."""
    kept = before is not None and not before["locked"] and before["version"] == version
    return {"hash": before["hash"] if before and kept else hashed, "version": version, "sudo": sudo, "locked": False}
