"""Signatures of messages: HMAC-SHA256 over what was sent, byte for byte, in the forms that chats and webhooks know."""

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
    """`Authorization` of an outgoing webhook; raises ValueError if the secret is not the base64 that Teams has shown.

    https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-outgoing-webhook
    """
    try:
        key = base64.b64decode(secret, validate=True)
    except binascii.Error as error:
        raise ValueError("this is no secret of Teams: it is not base64") from error
    return f"HMAC {base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()}"


def same(given: str, expected: str) -> bool:
    """Whether two signatures are the same, in a time that does not tell how much of them is."""
    # What came may hold anything; what it is compared with does not.
    return hmac.compare_digest(given.encode(errors="backslashreplace"), expected.encode())
