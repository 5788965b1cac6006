"""What people prepare before an example can be built: an organization with a pool, and its token in the key vault."""

from typing import Any

import httpx

TOKEN = "the-token-of-the-demo"  # noqa: S105 - of an organization that is simulated
SCOPES = ["read", "manage"]


def prepare(simulation: httpx.Client, spec: dict[str, Any]) -> list[str]:
    """Prepare what a spec refers to; returns the names of the secrets that people have stored for it."""
    if "organization" not in spec:
        return []
    organization, secret = spec["organization"].rsplit("/", 1)[-1], spec["token_secret"]
    body = {"name": organization, "pools": [spec["pool"]], "tokens": {TOKEN: {"scopes": SCOPES}}, "member": True}
    simulation.put("/pipelines/organizations", json=body).raise_for_status()
    tags = {"dormouse-organization": organization}
    simulation.post("/secrets/store", json={"name": secret, "value": TOKEN, "tags": tags}).raise_for_status()
    return [secret]
