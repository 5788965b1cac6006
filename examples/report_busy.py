#!/usr/bin/env python3
"""Report that machines or environments are busy for some minutes, and why; 0: no longer. Needs Python only.

examples/report_busy.py 120 "nightly training" ml1 /subscriptions/…/virtualMachines/gpu7
"""

import hashlib
import hmac
import json
import os
import sys
import urllib.request
from datetime import datetime, timedelta

API = os.environ.get("DORMOUSE_API", "http://127.0.0.1:7071/api")
SECRET = os.environ.get("ACTIVITY_REPORT_SECRET", "local-report-secret")


def clock() -> datetime:
    """The time of the control plane: simulated time runs faster than real time."""
    with urllib.request.urlopen(f"{API}/health", timeout=30) as response:  # noqa: S310 - a URL of your own
        return datetime.fromisoformat(json.load(response)["time"])


def report(names: list[str], minutes: float, reason: str) -> str:
    """Send one signed report about all of them; returns the answer, and raises HTTPError for a refused one."""
    now = clock()
    until = (now + timedelta(minutes=minutes)).isoformat()
    reports = [{"machine" if "/" in name else "environment": name, "busy_until": until, "reason": reason} for name in names]
    body = json.dumps({"reporter": "python", "at": now.isoformat(), "reports": reports}).encode()
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Hub-Signature-256": signature}
    request = urllib.request.Request(f"{API}/machines/activity/signed", body, headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        return str(response.read().decode())


if __name__ == "__main__":
    sys.stdout.write(report(sys.argv[3:], float(sys.argv[1]), sys.argv[2]) + "\n")
