"""The action that a request to Resource Manager needs, and the scope at which it is checked."""

import re

from local.azure.core.resource_ids import parse
from local.azure.core.world import SUBSCRIPTIONS

VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
# Actions whose names do not follow from the path.
# https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations
IN_SUBSCRIPTION = re.compile(
    r"(?P<scope>/subscriptions/[^/]+)/(?P<kind>providers|operationresults)(?:/[^/]+)?", re.IGNORECASE
)
GROUP = re.compile(r"/subscriptions/[^/]+/resourcegroups/[^/]+", re.IGNORECASE)
CONTENTS = re.compile(r"(?P<scope>/subscriptions/[^/]+/resourcegroups/[^/]+)/resources", re.IGNORECASE)
GROUP_TYPE = "Microsoft.Resources/subscriptions/resourcegroups"
READS_BY_POST = {
    f"{provider}/checknameavailability".lower(): f"{provider}/checkNameAvailability/read"
    for provider in ("Microsoft.Storage", "Microsoft.ContainerRegistry")
}


def needed(method: str, path: str) -> tuple[str, str]:
    """The action that a request needs and its scope; ("", "") for what every identity with a role in a subscription may do.

    Those are lists of a subscription's groups and resources, which Azure shortens to what the identity may read, and facts
    about the subscription itself.
    """
    verb = VERBS.get(method, "")
    if GROUP.fullmatch(path):
        return (f"{GROUP_TYPE}/{verb}", path) if verb else ("", "")
    own, contents = IN_SUBSCRIPTION.fullmatch(path), CONTENTS.fullmatch(path)
    if own and verb:
        return f"Microsoft.Resources/subscriptions/{own['kind']}/{verb}", own["scope"]
    if contents and verb:
        return f"{GROUP_TYPE}/resources/{verb}", contents["scope"]
    rid = parse(path)
    if rid is None or not rid.types or rid.subscription.lower() not in SUBSCRIPTIONS:
        return "", ""
    # Recorded: the scope of a list is that of its parent.
    scope = path.rpartition("/")[0] if rid.collection else path
    if verb:
        return f"{rid.type}/{verb}", scope
    action = READS_BY_POST.get(rid.type.lower(), f"{rid.type}/action")
    return (action, scope) if method == "POST" else ("", "")
