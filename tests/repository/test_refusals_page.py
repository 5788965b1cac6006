"""The page about refusals shows the table in the code, row by row."""

from dormouse.cloud.refusals.refusal_rules import NOT_NOW, RULES, Later, Rule
from dormouse.environments.quota import PORTAL
from dormouse.environments.results import ADVICE
from tests.support import ROOT

PAGE = (ROOT / "docs" / "refusals.md").read_text()
ROWS = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.splitlines() if line.startswith("| `")]


def row_of(rule: Rule) -> list[str]:
    usual = "The control plane retries." if isinstance(rule.meaning, Later) else ADVICE[rule.meaning]
    return [f"`{rule.code}`", rule.text or "any", f"`{rule.meaning}`", rule.advice or usual, rule.source]


def test_the_page_has_a_row_for_every_rule_in_the_same_order() -> None:
    assert [row_of(rule) for rule in RULES] == ROWS


def test_every_rule_can_decide() -> None:
    seen: list[tuple[str, str]] = []
    for rule in RULES:
        hidden = [text for code, text in seen if code == rule.code and text in rule.text]
        assert not hidden, f"{rule.code} {rule.text!r} comes after {hidden}"
        seen.append((rule.code, rule.text))
        assert rule.text == rule.text.lower()
        assert rule.source.startswith("https://")


def test_the_page_says_where_to_ask_for_quota_and_what_is_retried() -> None:
    assert PORTAL in PAGE
    assert f"`{NOT_NOW}` is no refusal" in PAGE
