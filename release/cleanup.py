"""The end of every test of a stage, also of one that failed: what the functional check has left is deleted, and looked for.

The product deletes it. Then Azure Resource Graph and the list of resource groups are asked whether anything has its tag.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from release.arm import Arm, CheckFailed, NotThere
from release.command import control_plane, main_of, resource_manager
from release.control_plane import ControlPlane
from release.deployment import deployment_of
from release.patience import Patience

# The names that `dormouse selftest` gives.
PREFIX = "selftest-"
GRAPH, GROUPS = "2022-10-01", "2021-04-01"
# A deletion takes minutes, and Resource Graph knows of it some minutes later.
DELETED = 1800.0


def clean_up(plane: ControlPlane, patience: Patience) -> Iterator[str]:
    """Delete every environment of a functional check; yields what was deleted, raises CheckFailed for what stays."""
    for name in list(plane.environments(PREFIX)):
        patience.until(partial(_deleted, plane, name))
        yield f"deleted {name}"


def _deleted(plane: ControlPlane, name: str) -> None:
    """Delete an environment that may be busy; raises CheckFailed until nothing of it is left."""
    operation = plane.delete_environment(name)
    if operation:
        ended = plane.get(f"/operations/{operation}")
        if ended["outcome"] != "succeeded" or ended["leftovers"]:
            state = ended["outcome"] or "under way"
            raise CheckFailed(f"{operation} is {state}: {ended['reason'] or ''} Left: {ended['leftovers']}")


def nothing_left(arm: Arm, deployment_id: str) -> None:
    """Raise CheckFailed with the IDs of everything that has the tag of a functional check of this deployment."""
    query = (
        f"resources | where tags['dormouse'] startswith '{PREFIX}' "
        f"| where tags['dormouse-deployment'] == '{deployment_id}' | project id"
    )
    found: list[str] = []
    body: dict[str, Any] = {"subscriptions": [arm.subscription], "query": query}
    while True:
        page = arm.post("/providers/Microsoft.ResourceGraph/resources", GRAPH, body)
        found += [row["id"] for row in page["data"]]
        if "$skipToken" not in page:
            break
        body["options"] = {"$skipToken": page["$skipToken"]}
    groups = arm.pages(f"{arm.root}/resourcegroups", GROUPS)
    found += [one["id"] for one in groups if _is_ours(one.get("tags") or {}, deployment_id)]
    if found:
        raise CheckFailed(f"Left, and billed: {', '.join(sorted(found))}.")


def _is_ours(tags: dict[str, str], deployment_id: str) -> bool:
    return tags.get("dormouse", "").startswith(PREFIX) and tags.get("dormouse-deployment") == deployment_id


def run(stage: str, every: float) -> Iterator[str]:
    """Clean up a stage, looking so often (seconds); what is left is also looked for if the API does not answer."""
    trouble = ""
    with resource_manager() as arm:
        try:
            deployment = deployment_of(arm, stage)
        except NotThere:
            yield f"nothing was ever deployed to {stage}"
            return
        try:
            with control_plane(arm, deployment) as plane:
                yield from clean_up(plane, Patience(DELETED, every))
        except CheckFailed as failed:
            trouble = str(failed)
        Patience(DELETED, every).until(partial(nothing_left, arm, deployment.id))
    yield "nothing has the tag of a functional check"
    if trouble:
        raise CheckFailed(trouble)


def main() -> None:
    """Clean up the stage on the command line."""
    main_of(__doc__, run)


if __name__ == "__main__":
    main()
