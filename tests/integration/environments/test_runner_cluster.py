"""A runner cluster: its GPU nodes exist only for work, its runners prove their GPUs, and nothing of it stays."""

import json
from typing import Any

from tests.support import ROOT, AzureSide, ControlPlane

SPEC: dict[str, Any] = json.loads((ROOT / "examples" / "runner-cluster.json").read_text())


def checks(operation: dict[str, Any]) -> dict[str, str]:
    return {finding["name"]: finding["result"] for finding in operation["health_checks"]}


def test_x(control_plane: ControlPlane, azure: AzureSide, name: str) -> None:
    operation = control_plane.provision(name, SPEC)
    print(json.dumps(operation, indent=1)[:6000])
    assert 0
