"""Why an environment cannot depend on another, and why one cannot be deleted."""

from dataclasses import replace

from dormouse.environments.dependents import MOST_NAMED, dependents_text, parent_problem
from dormouse.environments.operations import EnvironmentRecord

READY = EnvironmentRecord("shared", "shelf", "ann", "westeurope", "{}", "", "", ready=True)
ULID = "01M80AKRESFYRXQ716J26R1AX0"


def test_a_parent_must_exist_be_ready_and_stay() -> None:
    assert parent_problem("shared", READY) == ""
    assert parent_problem("shared", READY, f"shared-stop-{ULID}") == ""
    assert parent_problem("shared", None).endswith("which does not exist.")
    assert parent_problem("shared", replace(READY, ready=False)).endswith("which is not ready.")
    assert parent_problem("shared", READY, f"shared-delete-{ULID}").endswith("which is being deleted.")


def test_dependents_are_named_up_to_a_limit() -> None:
    assert dependents_text("a", ["b", "c"]).endswith("depend on it: b, c.")
    many = [f"e{number}" for number in range(MOST_NAMED + 3)]
    assert dependents_text("a", many).endswith(f"e{MOST_NAMED - 1} and 3 more.")
