"""The accounts of a machine with JupyterHub: exactly the named users can log in, and no kernel of theirs ends for it."""

import fcntl
import json
import os
import pwd
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

SETTINGS = os.environ.get("DORMOUSE_HUB", "/etc/jupyterhub/hub.json")
SUDOERS = os.environ.get("DORMOUSE_SUDOERS", "/etc/sudoers.d")
UNIT = "jupyterhub.service"
SAYS = "dormouse-users"
# https://www.debian.org/doc/debian-policy/ch-opersys.html#uid-and-gid-classes
FIRST_UID, NOBODY = 1000, 65534
END_WITHIN = 10.0


class Impossible(Exception):
    """Why the machine cannot have these users."""


def main() -> int:
    """Without words: add the accounts that the settings name, before any of them has a password.

    With `apply`: make the accounts those on standard input, a line for each user with the name, `sudo` or `-`, the version
    of the password and its hash. Others that this program has made are locked, and what they run is ended.
    """
    if not Path(SETTINGS).exists():
        print(f"{SAYS} waiting the first boot is still in progress")
        return 0
    try:
        with Path(SETTINGS).with_name("users.lock").open("w") as only:
            fcntl.flock(only, fcntl.LOCK_EX)  # the setup and a change may run at the same time
            hub = json.loads(Path(SETTINGS).read_text())
            done = apply(hub, sys.stdin.read()) if "apply" in sys.argv else first(hub)
        print(f"{SAYS} passed {done}")
    except (Impossible, subprocess.CalledProcessError, OSError, ValueError) as error:
        said = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) and error.stderr else str(error)
        print(f"{SAYS} failed {' '.join(said.split())[:300]}")
        return 1
    return 0


def first(hub: Any) -> str:
    """Add the accounts that the settings name; returns what was done."""
    names = [name for name in hub["users"] if name != hub["administrator"]]
    for name in names:
        add(name)
        allow_sudo(name, allowed=name in hub["sudoers"])
    return f"{len(names)} users have accounts"


def apply(hub: Any, text: str) -> str:
    """Make the accounts, the allow list and the passwords those that are asked for; returns what was done."""
    wanted = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    known = state()
    before = set(known["users"]) | {name for name in hub["users"] if name != hub["administrator"]}
    for name in wanted:
        check(name)
    removed = sorted(before - set(wanted))
    # Remembered first: what is interrupted is done by the next run.
    keep({**known, "users": {**dict.fromkeys(before, ""), **known["users"]}})
    for name in removed:
        lock(name)
    versions = {}
    for name, (sudo, version, hashed) in wanted.items():
        add(name)
        allow_sudo(name, allowed=sudo == "sudo")
        if known["users"].get(name) != version or not has_password(name):
            run("chpasswd", "-e", given=f"{name}:{hashed}\n")
        versions[name] = version
    people = [hub["administrator"], *wanted]
    keep({"users": {**dict.fromkeys(removed, ""), **versions}, "restart": known["restart"] or hub["users"] != people})
    sudoers = [name for name, words in wanted.items() if words[0] == "sudo"]
    write(Path(SETTINGS), json.dumps({**hub, "users": people, "sudoers": sudoers}) + "\n")
    if state()["restart"]:
        # The hub forgets those who are not named, and gives the others a new hub while their kernels run on.
        run("systemctl", "try-restart", UNIT)
    for name in removed:
        end_processes_of(name)
    keep({"users": versions, "restart": False})
    return f"{len(wanted)} users can log in besides {hub['administrator']}"


def check(name: str) -> None:
    """Raise Impossible for a name that belongs to the system."""
    found = account(name)
    if found is not None and not FIRST_UID <= found.pw_uid < NOBODY:
        raise Impossible(f"{name} is a system account; choose another name")


def add(name: str) -> None:
    """Add an account with a home folder of its own and without a password, or let the one that is there log in again."""
    check(name)
    if account(name) is None:
        run("useradd", "--create-home", "--key", "HOME_MODE=0750", "--shell", "/bin/bash", name)
    run("usermod", "--expiredate", "", name)


def lock(name: str) -> None:
    """Refuse an account every way in, keys for SSH included; its files stay."""
    if account(name) is not None:
        run("usermod", "--lock", "--expiredate", "1", name)
    allow_sudo(name, allowed=False)


def allow_sudo(name: str, *, allowed: bool) -> None:
    """Let an account become root without a password, or not."""
    path = Path(SUDOERS) / f"92-dormouse-{name}"
    if allowed:
        write(path, f"{name} ALL=(ALL) NOPASSWD:ALL\n", 0o440)
    else:
        path.unlink(missing_ok=True)


def has_password(name: str) -> bool:
    """Whether an account has a password that is not locked."""
    return run("passwd", "--status", name).split()[1:2] == ["P"]


def end_processes_of(name: str) -> None:
    """End what an account runs: first it is asked to, then it must."""
    found = account(name)
    deadline = time.monotonic() + END_WITHIN
    while found is not None and (left := processes_of(found.pw_uid)):
        late = time.monotonic() > deadline - END_WITHIN / 2
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
        if time.monotonic() > deadline:
            raise Impossible(f"{name} still runs {left}")
        time.sleep(0.2)


def processes_of(uid: int) -> list[int]:
    """The processes of an account."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            status = dict(line.split(":", 1) for line in (path / "status").read_text().splitlines() if ":" in line)
            if status["Uid"].split()[0] == str(uid) and not status["State"].strip().startswith("Z"):
                found.append(int(path.name))
    return found


def account(name: str) -> pwd.struct_passwd | None:
    """An account of this machine, or None."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def state() -> Any:
    """What this program remembers: the version of the password of each user, and whether the hub must be restarted."""
    try:
        return json.loads(memory().read_text())
    except FileNotFoundError:
        return {"users": {}, "restart": False}


def keep(known: Any) -> None:
    """Remember this."""
    write(memory(), json.dumps(known) + "\n", 0o600)


def memory() -> Path:
    """Where it is remembered."""
    return Path(SETTINGS).with_name("users.json")


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace a file as a whole."""
    new = path.with_name(f".{path.name}.new")
    new.touch(mode)
    new.chmod(mode)
    new.write_text(text)
    new.replace(path)


def run(*command: str, given: str = "") -> str:
    """What a command prints; raises CalledProcessError."""
    return subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    raise SystemExit(main())
