"""The rule for an error of Azure: of several rules with its code, the first whose text is in the message decides."""

from dormouse.cloud.refusals.refusal_rules import RULES, Rule


def rule_for(code: str, message: str) -> Rule | None:
    """The rule that decides about an error, or None if there is none."""
    said = message.lower()
    return next((rule for rule in BY_CODE.get(code, ()) if rule.text in said), None)


def _by_code() -> dict[str, list[Rule]]:
    found: dict[str, list[Rule]] = {}
    for rule in RULES:
        found.setdefault(rule.code, []).append(rule)
    return found


BY_CODE = _by_code()
