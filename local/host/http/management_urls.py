"""The URLs of the management API, for outside callers and for the app's own durable clients."""

import json
from urllib.parse import quote

PLACEHOLDER = "INSTANCEID"  # a client replaces it by the instance ID
COMMANDS = {
    "statusQueryGetUri": "",
    "sendEventPostUri": "/raiseEvent/{eventName}",
    "terminatePostUri": "/terminate",
    "rewindPostUri": "/rewind",
    "purgeHistoryDeleteUri": "",
    "restartPostUri": "/restart",
    "suspendPostUri": "/suspend",
    "resumePostUri": "/resume",
}
WITH_A_REASON = frozenset({"terminatePostUri", "rewindPostUri", "suspendPostUri", "resumePostUri"})


class Links:
    """The links of one task hub."""

    def __init__(self, outside: str, hub: str, key: str) -> None:
        """`outside` is the root of the API as seen from outside, `key` opens it."""
        self._outside, self._hub = outside, hub
        self._query, self._key = f"taskHub={hub}&connection=Storage&code={key}", key

    def of(self, identifier: str) -> dict[str, str]:
        """Every management URL of an instance."""
        base = f"{self._outside}/instances/{quote(identifier, safe='')}"
        reasons = {name: "reason={text}&" if name in WITH_A_REASON else "" for name in COMMANDS}
        return {"id": identifier} | {n: f"{base}{path}?{reasons[n]}{self._query}" for n, path in COMMANDS.items()}

    def client_binding(self, inside: str) -> str:
        """The binding of a durable client: JSON with the URLs of the API, including the inside one."""
        start = f"{self._outside}/orchestrators/{{functionName}}"
        told = {
            "taskHubName": self._hub,
            "creationUrls": {
                "createNewInstancePostUri": f"{start}[/{{instanceId}}]?{self._query}",
                "createAndWaitOnNewInstancePostUri": (
                    f"{start}[/{{instanceId}}]?timeout={{timeoutInSeconds}}&pollingInterval={{intervalInSeconds}}&{self._query}"
                ),
            },
            "managementUrls": self.of(PLACEHOLDER),
            "baseUrl": self._outside,
            "requiredQueryStringParameters": f"code={self._key}",
            "rpcBaseUrl": inside,
        }
        return json.dumps(told)
