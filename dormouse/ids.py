"""The ids of operations: environment, verb, and a ULID, so that they sort by time. https://github.com/ulid/spec"""

import hashlib
import re
import secrets

from dormouse.lifecycle import Verb

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ULID_LENGTH = 26
# An instance of Durable Functions takes a quarter of a thousand characters; a machine goes by its group and name.
LONGEST_ID = 256
# The Durable SDK does not escape IDs in URLs, so they must not contain ?, #, % or a slash, nor be "." or "..".
INSTANCE_ID = re.compile(r"(?!\.+$)[\w.():-]+")
OPERATION_ID = re.compile(rf"[\w.():-]+-(?:{'|'.join(Verb)})-[{CROCKFORD}]{{{ULID_LENGTH}}}")


def new_operation_id(environment: str, verb: Verb, now: float) -> str:
    """An operation id of this moment: environment, verb and a ULID, so that ids sort by time within an environment."""
    return f"{environment}-{verb}-{_new_ulid(now)}"


def operation_id_at(environment: str, verb: Verb, seconds: float, unique: str) -> str:
    """The operation id of a moment (seconds since 1970) and a unique text: the same whenever it is asked for."""
    chance = int.from_bytes(hashlib.sha256(unique.encode()).digest()[:10], "big")
    return f"{environment}-{verb}-{_base32(int(seconds * 1000), 10)}{_base32(chance, 16)}"


def new_sweep_id(now: float) -> str:
    """The id of a sweep that begins at this moment; ids sort by time."""
    return f"sweep-{_new_ulid(now)}"


def is_sweep_id(identifier: str) -> bool:
    """Whether this is the id of a sweep."""
    prefix, _, ulid = identifier.partition("-")
    return prefix == "sweep" and len(ulid) == ULID_LENGTH and set(ulid) <= set(CROCKFORD)


def is_of_sweep(identifier: str) -> bool:
    """Whether this is the id of the orchestration of a sweep or of one of its pages."""
    return is_sweep_id(identifier.partition(":")[0])


def is_operation_id(identifier: str) -> bool:
    """Whether this can be the id of an operation: something's name, a verb and a ULID."""
    return len(identifier) <= LONGEST_ID and OPERATION_ID.fullmatch(identifier) is not None


def is_instance_id(identifier: str) -> bool:
    """Whether an orchestration of ours can have this id: an operation, one of its steps, a sweep, a page or a chat."""
    return len(identifier) <= LONGEST_ID and INSTANCE_ID.fullmatch(identifier) is not None


def page_id(sweep: str, number: int) -> str:
    """The id of the orchestration that sweeps one page."""
    return f"{sweep}:{number}"


def ulid_of(operation: str) -> str:
    """The ULID at the end of an operation id; raises ValueError when there is none."""
    ulid = operation.rsplit("-", 1)[-1]
    if len(ulid) != ULID_LENGTH or not set(ulid) <= set(CROCKFORD):
        raise ValueError(f"{operation!r} is not an operation id")
    return ulid


def verb_of(operation: str) -> Verb:
    """The verb in an operation id; raises ValueError when there is none."""
    named = operation.rpartition("-")[0]
    for verb in Verb:
        if named.endswith(f"-{verb}"):
            return verb
    raise ValueError(f"{operation!r} is not an operation id")


def child_of(operation: str, step: str) -> str:
    """The ID of the sub-orchestration that builds one resource of an operation; it follows from the operation's ID."""
    return f"{operation}:{step}"


def first_ulid(milliseconds: int) -> str:
    """The smallest ULID of a moment in milliseconds since 1970: a border for questions about time."""
    return _base32(milliseconds, 10) + "0" * 16


def _new_ulid(now: float) -> str:
    return _base32(int(now * 1000), 10) + _base32(secrets.randbits(80), 16)


def _base32(number: int, length: int) -> str:
    digits = [CROCKFORD[(number >> (5 * place)) & 31] for place in range(length)]
    return "".join(reversed(digits))
