"""Verification of chat messages: the signature over the raw bytes, and the time, before anything is parsed."""

from collections.abc import Callable, Sequence
from datetime import datetime

import azure.functions as func

from dormouse.access.signatures import hub_signature, same, slack_signature, teams_signature
from dormouse.errors import NotAuthenticated, RequestTooLarge
from dormouse.http.requests import LARGEST_BODY

# As far as Slack's own libraries go; Teams and others sign no time, so the one in the message counts.
WINDOW = 300.0
NOT_SIGNED = "The message is not signed as it should be."
NOT_OF_NOW = "The message is not of this moment."


def from_slack(req: func.HttpRequest, secrets: Sequence[str], now: float) -> bytes:
    """The body of a message that Slack has signed within five minutes; raises NotAuthenticated, or RequestTooLarge."""
    timestamp = req.headers.get("X-Slack-Request-Timestamp", "")
    given = req.headers.get("X-Slack-Signature", "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise NotAuthenticated(NOT_SIGNED)
    body = _signed(req, secrets, given, lambda secret, body: slack_signature(secret, timestamp, body))
    require_present(float(timestamp), now)
    return body


def from_teams(req: func.HttpRequest, secrets: Sequence[str]) -> bytes:
    """The body of a message that Teams has signed; when that was, the message says. Raises as `from_slack` does."""
    return _signed(req, secrets, req.headers.get("Authorization", ""), teams_signature)


def from_others(req: func.HttpRequest, secrets: Sequence[str]) -> bytes:
    """The body of a message with a good `X-Hub-Signature-256`; raises as `from_slack` does."""
    return _signed(req, secrets, req.headers.get("X-Hub-Signature-256", ""), hub_signature)


def require_present(moment: float, now: float) -> None:
    """Raise NotAuthenticated unless a moment (seconds since 1970) is at most five minutes away."""
    if not abs(now - moment) <= WINDOW:
        raise NotAuthenticated(NOT_OF_NOW)


def moment_in(text: str) -> float:
    """The seconds since 1970 of an ISO 8601 text with a zone; raises NotAuthenticated."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise NotAuthenticated(NOT_OF_NOW) from None
    if moment.tzinfo is None:
        raise NotAuthenticated(NOT_OF_NOW)
    return moment.timestamp()


def _signed(req: func.HttpRequest, secrets: Sequence[str], given: str, expected: Callable[[str, bytes], str]) -> bytes:
    body: bytes = req.get_body()
    if len(body) > LARGEST_BODY:
        raise RequestTooLarge(f"The body is larger than {LARGEST_BODY} bytes.")
    # Without a secret no signature is valid; the response does not say that the chat is not configured.
    # Compared with each of them, so that the time does not tell which one fits.
    matches = [same(given, expected(secret, body)) for secret in secrets if secret]
    if not given or not any(matches):
        raise NotAuthenticated(NOT_SIGNED)
    return body
