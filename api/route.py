"""What a route is: where it is, who answers, whom it is for, what it takes, and what it may answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import azure.functions as func

from api.answers import Accepted
from api.parameters import Parameter
from environments.errors import ControlPlaneError, InvalidRequest
from environments.roles import Right

Handler = Callable[..., Awaitable[func.HttpResponse]]
KEY_IN_QUERY = "code"  # read by the host
JSON, HTML, CSV, FORM = "application/json", "text/html", "text/csv", "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Reply:
    """One way in which a route answers: the type of what it says, None for what is no JSON of ours, and as what."""

    status: int
    kind: Any = None
    media: str = JSON


@dataclass(frozen=True, slots=True)
class Route:
    """One route: its method, its template below the prefix, who answers, and what it asks of its callers.

    `takes` is the model of its body, `no` what it may refuse beside what every route may; `proof` names the header in which
    a caller proves to be who they are, where neither key nor token of ours is asked for. What is `costly` makes calls of
    Azure, and is counted.
    """

    method: str
    template: str
    handler: Handler
    right: Right
    replies: tuple[Reply, ...]
    query: tuple[Parameter[Any], ...] = ()
    takes: Any = None
    no: tuple[type[ControlPlaneError], ...] = ()
    proof: str = ""
    media: str = JSON
    costly: bool = False

    @property
    def commands(self) -> bool:
        """Whether it does something, and can be asked to do it once only."""
        return self.method != "GET" and self.right is not Right.NOTHING

    def require_known(self, req: func.HttpRequest) -> None:
        """Raise InvalidRequest for a query parameter that nobody reads: `dryrun=true` must not be done in earnest."""
        known = {parameter.name for parameter in self.query} | {KEY_IN_QUERY}
        strange = sorted(set(req.params) - known)
        if strange and self.right is not Right.NOTHING:
            raise InvalidRequest(f"This takes no parameter {', '.join(repr(name[:40]) for name in strange)}.")

    def level(self, *, keys: bool) -> Any:
        """The key that the host asks for; where tokens open the doors, it asks for none."""
        return func.AuthLevel.FUNCTION if keys and self.right is not Right.NOTHING else func.AuthLevel.ANONYMOUS


def ok(*kinds: Any) -> tuple[Reply, ...]:
    """Answered at once."""
    return tuple(Reply(200, kind) for kind in kinds)


def begun(*kinds: Any) -> tuple[Reply, ...]:
    """Accepted, and to be watched; or answered at once, if nothing has to be done or was only asked."""
    return (Reply(202, Accepted), *ok(*kinds))
