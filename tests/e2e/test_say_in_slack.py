"""The example that signs and sends a command with `curl`: it ends with a running machine and its card."""

import os
import shutil
import subprocess

from local.sandbox import Ground, temporary_ground
from tests.conftest import unchecked
from tests.support import ROOT, ControlPlane

SCRIPT = ROOT / "examples" / "say-in-slack.sh"


def test_a_command_signed_and_sent_with_curl_builds_a_machine_and_returns_a_card() -> None:
    for program in ("curl", "openssl"):
        if shutil.which(program) is None:
            unchecked(program, "that the example which says a command in Slack works (Debian, Ubuntu: apt install it)")
    with temporary_ground(speed=60.0, timers=False, agents=False) as ground, ground.client() as client:
        built = _said(ground, "up", "ml1")
        assert "Accepted: up ml1" in built
        assert "every health check passed" in built
        assert "[Stop] says: stop ml1" in built
        assert ControlPlane(client).get("ml1")["state"] == "running"
        assert "ml1 stays awake" in _said(ground, "hold", "ml1", "2h", "for", "50% done & more")
        held = ControlPlane(client).get("ml1")["hold"]
        assert (held["by"], held["reason"]) == ("slack:UOPERATOR", "for 50% done & more")


def _said(ground: Ground, *words: str) -> str:
    where = {"DORMOUSE_API": ground.api, "DORMOUSE_AZURE": str(ground.azure_port)}
    trust = {"DORMOUSE_TRUST": str(ground.home / "azure" / "ca.pem")}
    done = subprocess.run(
        [SCRIPT, *words], env={**os.environ, **where, **trust}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
