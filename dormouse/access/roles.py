"""Who may do what: roles, the right that each route asks for, and whose environment is whose."""

import re
from dataclasses import dataclass
from enum import StrEnum

from dormouse.errors import NotAllowed


class Role(StrEnum):
    """What somebody is to the control plane; each may do what those before it may."""

    VIEWER = "viewer"
    USER = "user"
    OPERATOR = "operator"
    ADMIN = "admin"


class Permission(StrEnum):
    """What a route asks of its callers: nothing, to look, to act on what is theirs, or to act on everything."""

    NOTHING = "nothing"
    LOOK = "look"
    OWN = "own"
    OPERATE = "operate"


class Channel(StrEnum):
    """The way by which somebody came in."""

    SLACK = "slack"
    TEAMS = "teams"
    GENERIC = "generic"
    KEY = "function key"
    TOKEN = "token"  # noqa: S105 - the name of a door
    NOBODY = "open door"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request, by which channel, and in which role; `object_id` is their Microsoft Entra object ID, or ""."""

    name: str
    channel: Channel
    role: Role | None = None
    object_id: str = ""


@dataclass(frozen=True, slots=True)
class ChatPerson:
    """What somebody in a chat is to the control plane, and the object id that Entra knows them by, if that is known."""

    role: Role
    object_id: str = ""


ANYBODY = Caller("anybody", Channel.NOBODY)
CHAT_USER = re.compile(
    r"(?P<who>(?:slack|teams|generic):[^=,\s]+)=(?P<role>[a-z]+)(?::(?P<object_id>[0-9a-fA-F-]{36}))?", re.ASCII
)
ENTRA_ID = re.compile(r"teams:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
ORDER = tuple(Role)
LEAST = {Permission.LOOK: Role.VIEWER, Permission.OWN: Role.USER, Permission.OPERATE: Role.OPERATOR}


def require_permission(caller: Caller, right: Permission) -> None:
    """Raise NotAllowed unless the caller's role is enough; asked before anything is looked up."""
    if right is Permission.NOTHING:
        return
    if caller.role is None or ORDER.index(caller.role) < ORDER.index(LEAST[right]):
        raise NotAllowed(f"This takes the role {LEAST[right]}, and you have {caller.role or 'none'}.")


def require_admin(caller: Caller, what: str) -> None:
    """Raise NotAllowed unless the caller is an admin: few are to do `what`."""
    if caller.role is not Role.ADMIN:
        raise NotAllowed(f"{what} takes the role {Role.ADMIN}, and you have {caller.role or 'none'}.")


def owns(caller: Caller, owner_id: str) -> bool:
    """Whether something is the caller's own, whatever they are called; who has no object id owns nothing."""
    return bool(caller.object_id) and caller.object_id == owner_id


def require_own(caller: Caller, owner_id: str) -> None:
    """Raise NotAllowed unless the caller may act on everything, or on this because it is theirs."""
    if caller.role in (Role.OPERATOR, Role.ADMIN) or owns(caller, owner_id):
        return
    raise NotAllowed("You may act on your own environments, and this one is not yours.")


def require_can_own(caller: Caller) -> None:
    """Raise NotAllowed unless the caller could act on what is built for them: operate on everything, or own something."""
    if caller.role in (Role.OPERATOR, Role.ADMIN) or caller.object_id:
        return
    words = "You have the role user and no object id, so you would own nothing that you build. Send a token of your own."
    raise NotAllowed(words)


def may_act(caller: Caller, owner_id: str) -> bool:
    """Whether the caller may act on something of this owner: what is refused then is shown in no view either."""
    try:
        require_permission(caller, Permission.OWN)
        require_own(caller, owner_id)
    except NotAllowed:
        return False
    return True


def read_chat_users(text: str) -> dict[str, ChatPerson]:
    """People by door and id, from `slack:U012AB3CD=operator, slack:U45=user:<object id>`; raises ValueError."""
    people: dict[str, ChatPerson] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = CHAT_USER.fullmatch(part)
        if match is None or match["role"] not in list(Role):
            raise ValueError(f"{part!r} does not say who is what, as slack:U012AB3CD=operator does")
        # Entra's ids are the same in capitals; those of chats are not.
        who = match["who"].lower() if ENTRA_ID.fullmatch(match["who"]) else match["who"]
        people[who] = ChatPerson(Role(match["role"]), (match["object_id"] or "").lower())
    return people


def highest(names: list[str]) -> Role | None:
    """The role that allows most, of those that are known by their names."""
    known = [role for role in ORDER if role.value in names]
    return known[-1] if known else None
