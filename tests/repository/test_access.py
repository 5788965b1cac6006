"""The table of permissions in docs/access.md matches the routes."""

from dormouse.access.roles import ON_OWN, Caller, Channel, Permission, Role, require_own, require_permission
from dormouse.errors import NotAllowed
from dormouse.http.route import Route
from dormouse.http.routes import ROUTES
from tests.support import ROOT

PROOFS = {
    "heartbeats": "the token of the machine's own identity",
    "chatops/teams": "the HMAC of Teams",
    "machines/activity/signed": "the signature of a reporter",
    "X-Slack-Signature": "the signature of Slack",
    "X-Hub-Signature-256": "the signature of a script",
}
OPEN = {"snooze/{link}": "the secret in the link"}
HEAD = (
    "| route | without a role | viewer | user, own | user, another's | operator | admin |",
    "|---|---|---|---|---|---|---|",
)


def line(route: Route) -> str:
    place = f"| `{route.method} /api/{route.template}` |"
    if route.permission is Permission.NOTHING:
        words = (
            PROOFS.get(route.template)
            or PROOFS.get(route.contract.auth_header)
            or OPEN.get(route.template, "open to everybody")
        )
        return f"{place} {words} | | | | | |"
    cells = [_may(route, None, "mine"), _may(route, Role.VIEWER, "mine"), _may(route, Role.USER, "mine")]
    cells += [
        _may(route, Role.USER, "another's"),
        _may(route, Role.OPERATOR, "another's"),
        _may(route, Role.ADMIN, "another's"),
    ]
    return f"{place} {' | '.join('yes' if may else 'no' for may in cells)} |"


def _may(route: Route, role: Role | None, owner: str) -> bool:
    caller = Caller("somebody", Channel.TOKEN, role, "mine")
    try:
        require_permission(caller, route.permission)
        if route.permission in ON_OWN:
            require_own(caller, owner)
    except NotAllowed:
        return False
    return True


def test_the_documented_table_matches_the_routes() -> None:
    lines = (ROOT / "docs" / "access.md").read_text().splitlines()
    expected = [*HEAD, *(line(route) for route in ROUTES)]
    written = [text for text in lines if text.startswith("|")][: len(expected)]
    assert written == expected, "\n" + "\n".join(expected)
