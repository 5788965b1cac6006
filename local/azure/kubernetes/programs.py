"""What containers do: shell scripts run in a restricted shell of this computer that knows no commands but those defined here.

Scripts cannot read or change anything on this computer. `sleep` passes no time: it marks where a script pauses, and one that
pauses again and again runs for ever. A container without a command, or with a program that is not known here, runs as long
as it is meant to: for ever under a controller that restarts it, and half a minute otherwise.
"""

import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Sizes and names of GPUs as nvidia-smi shows them; of A10 and T4 as in public logs, the others are assumed.
GPUS = {
    "T4": ("Tesla T4", 15360),
    "A100": ("NVIDIA A100 80GB PCIe", 81920),
    "H100": ("NVIDIA H100 NVL", 95830),
    "H200": ("NVIDIA H200", 143771),
    "A10": ("NVIDIA A10-24Q", 24512),
    "V100": ("Tesla V100-PCIE-16GB", 16384),
}
DRIVER = "570.172.08"
NOWHERE = {"PATH": "/nonexistent"}
TIME_FOR_A_SCRIPT = 10
FOREVER, UNKNOWN, MOST_PAUSES = 250, 251, 3
SHELLS = ("bash", "sh", "/bin/bash", "/bin/sh")
USUAL_SECONDS = 30.0
PAUSE = re.compile("\x1e([0-9.]+)\n")
# In a restricted shell nothing can be redirected: what a script discards, drop reads, and errors are in the log as well.
REWRITTEN = (
    (re.compile(r"\s*(?:&>|>&?|1>)\s*/dev/null(?:\s+2>&1)?"), " | drop"),
    (re.compile(r"\s*(?:[12]?>&2|2>&1|2>\s*/dev/null)"), ""),
    (re.compile(r"\bexec \d<>\"?/dev/tcp/([^/\s\"]+)/([^\s\";]+)\"?"), r'connect "\1" "\2"'),
    (re.compile(r"\bexec \d[<>]&-"), "true"),
    (re.compile(r"\s*>&3\b"), " | drop"),
    (re.compile(r"\bcat <&3\b"), "answer_of_peer"),
)
PRELUDE = r"""
enable -n kill source . cd exec
set -o pipefail
pauses=0
sleep() {
  case "$1" in infinity|inf) exit 250 ;; esac
  pauses=$((pauses + 1))
  if [ "$pauses" -ge 3 ]; then exit 250; fi
  printf '\x1e%s\n' "${1%s}"
}
drop() { while read -r _; do :; done; }
timeout() { shift; "$@"; }
connect() { [ "$1:$2" = "$PEER" ]; }
answer_of_peer() { printf '%s' "$PEER_ANSWER"; }
tr() { local text; text=$(while IFS= read -r line || [ -n "$line" ]; do printf '%s' "$line"; done); printf '%s' "${text//$'\r'/}"; }
base64() { local text; IFS= read -r -d '' text; printf 'bG9naW4='; }
command_not_found_handle() { printf '%s: command not found\n' "$1"; return 127; }
nvidia-smi() {
  [ "$GPU_COUNT" -gt 0 ] || { command_not_found_handle nvidia-smi; return 127; }
  case "$*" in
    *--query-gpu=name,driver_version,memory.total*) printf '%s\n' "$GPU_ROWS" ;;
    *--query-gpu*) printf 'Field is not simulated\n'; return 2 ;;
    *) printf '%s\n' "$GPU_TABLE" ;;
  esac
}
python3() {
  case "$*" in
    *cuInit*) [ "$GPU_COUNT" -gt 0 ] || { printf 'OSError: libcuda.so.1: cannot open shared object file\n'; return 1; } ;;
    *) return 251 ;;
  esac
}
python() { python3 "$@"; }
"""


@dataclass(frozen=True, slots=True)
class Gpus:
    """The GPUs that a container was given: how many, and the size of its node, from which their model follows."""

    count: int = 0
    size: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """What a container writes, each line so many seconds after its start, and how it ends; `exit_code` None: never.

    `period`: a program without end repeats its last lines so often (seconds; 0: it does not).
    """

    lines: tuple[tuple[float, str], ...] = ()
    exit_code: int | None = None
    seconds: float = USUAL_SECONDS
    period: float = 0.0


def program_of(
    container: Mapping[str, Any], environment: Mapping[str, str], gpus: Gpus, *, restarted: bool, peers: Mapping[str, str]
) -> Program:
    """What a container does. `restarted`: whether its pod is to run for ever; `peers`: what answers at addresses (host:port)."""
    words = [str(word) for word in (*(container.get("command") or ()), *(container.get("args") or ()))]
    usual = Program(exit_code=None if restarted else 0)
    if not words:
        return usual
    is_script = len(words) > 2 and words[0] in SHELLS and words[1].endswith("c")
    script = words[2] if is_script else shlex.join([words[0].rpartition("/")[2], *words[1:]])
    ran = _ran(script, environment, gpus, peers)
    if ran is None:
        return usual
    output, code = ran
    if code == UNKNOWN or (not is_script and code == 127 and "nvidia" not in words[0]):
        return usual
    lines, passed, period = _lines(output)
    return Program(lines, None if code == FOREVER else code, passed + 2.0, period if code == FOREVER else 0.0)


def _lines(output: str) -> tuple[tuple[tuple[float, str], ...], float, float]:
    """The lines with their seconds, the seconds in all, and the last pause."""
    found: list[tuple[float, str]] = []
    passed, period = 0.0, 0.0
    for place, part in enumerate(PAUSE.split(output)):
        if place % 2:
            period = float(part)
            passed += period
        else:
            found += [(passed, line) for line in part.splitlines()]
    return tuple(found), passed, period


def _ran(script: str, environment: Mapping[str, str], gpus: Gpus, peers: Mapping[str, str]) -> tuple[str, int] | None:
    shell = shutil.which("bash")
    if shell is None:
        return None
    peer = next((address for address in peers if address.partition(":")[0] in environment.values()), "")
    told = {name: value for name, value in environment.items() if name.isidentifier() and name not in NOWHERE}
    told |= {"PEER": peer, "PEER_ANSWER": peers.get(peer, ""), **_shown(gpus)}
    for pattern, replacement in REWRITTEN:
        script = pattern.sub(replacement, script)
    try:
        done = subprocess.run(  # noqa: S603 - a restricted shell that knows no commands but ours
            [shell, "--restricted", "--noprofile", "--norc", "-c", PRELUDE + script],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env={**told, **NOWHERE},
            timeout=TIME_FOR_A_SCRIPT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "", FOREVER
    return (done.stdout + done.stderr).decode(errors="replace"), done.returncode


def _shown(gpus: Gpus) -> dict[str, str]:
    name, memory = next((facts for mark, facts in GPUS.items() if f"_{mark}_" in f"{gpus.size}_"), ("NVIDIA GPU", 16384))
    rows = "\n".join([f"{name}, {DRIVER}, {memory} MiB"] * gpus.count)
    table = f"| NVIDIA-SMI {DRIVER}    Driver Version: {DRIVER}    CUDA Version: 12.8 |\n"
    table += "\n".join(f"|   {place}  {name}    {memory}MiB |" for place in range(gpus.count))
    return {"GPU_COUNT": str(gpus.count), "GPU_ROWS": rows, "GPU_TABLE": table}
