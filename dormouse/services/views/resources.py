"""Resources, endpoints and secrets of environments as callers see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from activities.resources.environments import ObservedResource
from dormouse.lifecycle import State
from dormouse.services.views.schema import SECRET, VM, schema
from dormouse.text.doc import doc

SSH = 22
DROPPED = doc(
    "The IDs of existing resources that earlier specs have named and the present one does not. They are neither changed nor "
    "deleted before the environment is: name them again, or delete them yourself. Empty in lists.",
    [],
)


@schema("Endpoint")
@dataclass(frozen=True, slots=True)
class EndpointView:
    """A way into an environment."""

    kind: Annotated[str, doc("The protocol: `ssh`, `rdp`, `https` …, or `rstudio`, which opens below `https`.", "ssh")]
    host: Annotated[str, doc("The IP address or host name.", "203.0.113.10")]
    port: Annotated[int, doc("The TCP port.", SSH)]
    command: Annotated[str, doc("A command or URL that connects.", "ssh azureuser@203.0.113.10")]
    username: Annotated[str | None, doc("The account to log in with; null if there is none.", "azureuser")]
    note: Annotated[
        str | None,
        doc("What its last health check says, such as the fingerprint of its certificate; null if it has none.", None),
    ] = None


@schema("Resource")
@dataclass(frozen=True, slots=True)
class ResourceView:
    """A resource of an environment that shows its state or the ways into it."""

    name: Annotated[str, doc("The name of the resource in the plan.", "vm")]
    kind: Annotated[str, doc("The kind of resource.", "virtual_machine")]
    id: Annotated[str, doc("The Azure resource ID.", VM)]
    state: Annotated[State | None, doc("Its state; null if it cannot be stopped.", "running")]
    size: Annotated[str | None, doc("What is billed by the hour; null if nothing is.", "Standard_NV6ads_A10_v5")]
    hibernated: Annotated[
        bool | None, doc("Whether its memory is kept while it is stopped; null if that is not known.", False)
    ] = None

    @classmethod
    def of(cls, seen: ObservedResource) -> ResourceView:
        """A resource as callers see it."""
        size = seen.billing.size if seen.billing else None
        return cls(seen.name, seen.kind, seen.id, seen.state, size, seen.hibernated)


@schema("SecretLocation")
@dataclass(frozen=True, slots=True)
class SecretView:
    """Where a secret of an environment is kept."""

    name: Annotated[str, doc("The name of the resource in the plan.", "password")]
    uri: Annotated[str, doc("The URI of the Key Vault secret.", SECRET)]
    username: Annotated[str | None, doc("The named user whose password it is; null for the administrator's.", None)] = None
