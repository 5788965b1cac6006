"""Named users of a data science machine: created, added, removed and rotated by their names, and nothing of them is left."""

import base64
from typing import Any

from dormouse.guest.password_change import hash_of
from local.sandbox import Ground
from tests.integration.environments.test_data_science import SPEC
from tests.support import AzureSide, ControlPlane


def with_users(*names: str, **more: Any) -> dict[str, Any]:
    return {**SPEC, "users": [{"name": name} for name in names], **more}


def test_x(control_plane: ControlPlane, azure: AzureSide, ground: Ground, name: str) -> None:
    op = control_plane.up(name, with_users("ben"))
    print(op)
    print(azure.inside(name))
    print(control_plane.get(name)["secrets"])
    r = control_plane.put(name, with_users("ben", "eve"))
    print(r.text)
    print(control_plane.follow(r))
    print(azure.inside(name))
    r = control_plane.put(name, with_users("eve"))
    print(control_plane.follow(r))
    print(azure.inside(name))
    print(control_plane.get(name)["secrets"], azure.secrets(name))
    print(control_plane.follow(control_plane.post(name, "rotate-password")))
    print(azure.inside(name))
    print(control_plane.down(name), azure.secrets(name))
    assert 0
