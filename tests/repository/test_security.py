"""The tests that SECURITY.md names as proof exist."""

import re

from tests.support import ROOT


def test_every_test_named_in_security_md_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "SECURITY.md").read_text()))
    files = set(re.findall(r"`(tests/[\w/]+\.py)`", (ROOT / "SECURITY.md").read_text()))
    known = {name for path in (ROOT / "tests").rglob("*.py") for name in re.findall(r"def (test_\w+)", path.read_text())}
    assert named
    assert named <= known, named - known
    assert all((ROOT / path).is_file() for path in files)
