"""Role assignments: their names follow from what they say."""

from activities.resources.identity import assignment_name


def test_a_role_assignments_name_follows_from_its_content_alone() -> None:
    name = assignment_name("/subscriptions/S/x", "P", "r")
    assert name == assignment_name("/Subscriptions/s/X", "p", "R")
    assert name != assignment_name("/subscriptions/s/x", "p2", "r")
