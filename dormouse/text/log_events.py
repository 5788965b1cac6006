"""Events in the log that alerts and workbooks read: one line of JSON each."""

import json
from typing import Any


def log_event(event: str, **fields: Any) -> str:
    """The line of an event, with the name first: `{"event": "sweep ended", …}`.

    Fields of their own would be lost between the Python worker and Application Insights, so the message holds them.
    """
    return json.dumps({"event": event, **fields}, ensure_ascii=False, default=str)
