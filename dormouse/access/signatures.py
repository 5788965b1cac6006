"""Message signatures: HMAC-SHA256 over the raw body, in the formats of webhooks, Slack and Teams."""

import base64
import binascii
import hashlib
import hmac


def hub_signature(secret: str, body: bytes) -> str:
    """`X-Hub-Signature-256`. https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries"""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def slack_signature(secret: str, timestamp: str, body: bytes) -> str:
    """`X-Slack-Signature`. https://docs.slack.dev/authentication/verifying-requests-from-slack"""
    return f"v0={hmac.new(secret.encode(), b'v0:' + timestamp.encode() + b':' + body, hashlib.sha256).hexdigest()}"


def teams_signature(secret: str, body: bytes) -> str:
    """`Authorization` of an outgoing webhook; raises ValueError if the secret is not base64.

    https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-outgoing-webhook
    """
    try:
        key = base64.b64decode(secret, validate=True)
    except binascii.Error as error:
        raise ValueError(
            "must be the base64 security token that Teams shows when the outgoing webhook is created"
        ) from error
    return f"HMAC {base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()}"


def same(given: str, expected: str) -> bool:
    """Whether two signatures are equal, compared in constant time."""
    # The received signature may hold any character.
    return hmac.compare_digest(given.encode(errors="backslashreplace"), expected.encode())
