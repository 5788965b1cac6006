"""Routes: where each is, its handler, whom it admits, what it takes, and what it may answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import azure.functions as func

from dormouse.access.roles import Permission
from dormouse.errors import ControlPlaneError, InvalidRequest
from dormouse.http.parameters import Parameter
from dormouse.http.paths import require_valid_path
from dormouse.http.queries import query_faults, shown
from dormouse.http.requests import DRY_RUN_MEMBER, body_of, raw_body
from dormouse.http.responses import LOCATION, OPERATION_LOCATION, RETRY_AFTER, Accepted
from dormouse.services.use_cases import UseCase

FOLLOWED = (LOCATION, OPERATION_LOCATION, RETRY_AFTER)
Handler = Callable[..., Awaitable[func.HttpResponse]]
JSON, HTML, CSV, FORM = "application/json", "text/html", "text/csv", "application/x-www-form-urlencoded"
SCRIPT, STYLE, PLAIN = "text/javascript", "text/css", "text/plain"


@dataclass(frozen=True, slots=True)
class Reply:
    """One response of a route: its status, the type of its JSON (None for other content), its content type and headers."""

    status: int
    kind: Any = None
    media: str = JSON
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contract:
    """What a route takes and gives, for validation and for the OpenAPI document.

    `body` is the model of its body, `raises` what it may refuse beside what every route may; `auth_header` names the header
    that authenticates callers who have neither a function key nor a token. With `dry_run_is_watched`, even a dry run begins
    something that callers watch.
    """

    replies: tuple[Reply, ...]
    query: tuple[Parameter[Any], ...] = ()
    body: Any = None
    raises: tuple[type[ControlPlaneError], ...] = ()
    auth_header: str = ""
    media: str = JSON
    dry_run_is_watched: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One route: its method, its template below the prefix, its handler, the use case that admits callers, its contract."""

    method: str
    template: str
    handler: Handler
    use_case: UseCase
    contract: Contract

    @property
    def permission(self) -> Permission:
        """The permission that it takes."""
        return self.use_case.permission

    @property
    def is_command(self) -> bool:
        """Whether it does something, and can be asked to do it once only."""
        return self.method != "GET" and self.permission is not Permission.NOTHING

    def require_readable(self, req: func.HttpRequest) -> None:
        """Raise what a request is refused for before anything is looked up, so that nothing misread is done in earnest.

        That is every query parameter that is unknown or unreadable, a body where none is taken, and a name or id in the path
        that nothing of ours can have.
        """
        if self.permission is Permission.NOTHING:
            return
        self._require_readable_query(req)
        if self.is_command and self.contract.body is None and raw_body(req):
            strange = sorted(body_of(req))
            if strange:
                raise InvalidRequest(f"The body may hold nothing but {DRY_RUN_MEMBER}, and not {shown(strange)}.")
        require_valid_path(self.method, self.template, req.route_params)

    def _require_readable_query(self, req: func.HttpRequest) -> None:
        """Raise InvalidRequest with every fault of the query."""
        faulty = query_faults(req, [parameter.name for parameter in self.contract.query])
        faults = list(faulty)
        for parameter in self.contract.query:
            try:
                if not any(parameter.name in names for names in faulty.values()):
                    parameter.of(req)
            except InvalidRequest as error:
                faults.append(str(error))
        if faults:
            raise InvalidRequest(" ".join(faults))

    def level(self, *, keys: bool) -> Any:
        """The key that the host asks for; where tokens open the doors, it asks for none."""
        return func.AuthLevel.FUNCTION if keys and self.permission is not Permission.NOTHING else func.AuthLevel.ANONYMOUS


def ok(*kinds: Any) -> tuple[Reply, ...]:
    """Answered at once."""
    return tuple(Reply(200, kind) for kind in kinds)


def begun(*kinds: Any) -> tuple[Reply, ...]:
    """Accepted, and to be watched; or answered at once, if nothing has to be done or was only asked."""
    return (Reply(202, Accepted, headers=FOLLOWED), *ok(*kinds))


def followed(kind: Any) -> tuple[Reply, ...]:
    """Something that is followed: answered at once, and while it runs, with when to ask again."""
    return (Reply(200, kind, headers=(RETRY_AFTER,)),)
