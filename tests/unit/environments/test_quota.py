"""The numbers of a quota: in the messages of Azure's services, and in words."""

import pytest

from dormouse.environments.quota import PORTAL, QuotaShortage, shortage_in, shortage_of

COMPUTE = (
    "Operation could not be completed as it results in exceeding approved standardDASv5Family Cores quota. Additional "
    "details - Deployment Model: Resource Manager, Location: eastus, Current Limit: 24, Current Usage: 24, Additional "
    "Required: 8, {minimum}New Limit Required: 32. Submit a request for Quota increase at https://aka.ms/ProdportalCRP/."
)
EARLIER = (
    "Operation results in exceeding quota limits of Core. Maximum allowed: 20, Current in use: 20, Additional requested: 2."
)
LEARNING = (
    "The specified subscription has a Standard NC family vCPU quota of 4 and cannot accomodate for at least 1 requested "
    "managed compute nodes which maps to 12 vCPUs."
)
ENDPOINT = (
    "Not enough cluster CPU quota. The amount of additional CPU quota requested is 8, and you are currently using 14. Your "
    "amount of maximum quota is 20."
)
KUBERNETES = (
    "Insufficient regional vcpu quota left for location eastus. left regional vcpu quota 3, requested quota 8. If you want "
    "to increase the quota, please follow this instruction."
)
ADDRESSES = "Cannot create more than 20 public IP addresses for this subscription in this region."


@pytest.mark.parametrize(
    ("message", "numbers"),
    [
        (COMPUTE.format(minimum="(Minimum) "), (24, 24, 0, 8, 32)),
        (COMPUTE.format(minimum=""), (24, 24, 0, 8, 32)),
        (EARLIER, (20, 20, 0, 2, 22)),
        (LEARNING, (4, None, None, 12, None)),
        (ENDPOINT, (20, 14, 6, 8, 22)),
        (KUBERNETES, (None, None, 3, 8, None)),
        (ADDRESSES, (20, None, None, None, None)),
        ("Quota exceeded.", (None, None, None, None, None)),
    ],
)
def test_the_numbers_are_read_from_the_message(message: str, numbers: tuple[int | None, ...]) -> None:
    found = shortage_in(message)
    assert (found.limit, found.used, found.left, found.needed, found.new_limit) == numbers
    assert found.link == PORTAL


def test_the_words_have_the_numbers_that_are_known_and_the_limit_to_ask_for() -> None:
    words = shortage_of(24, 20, 8).in_words()
    assert words.startswith("The numbers: limit 24, in use 20, free 4, needed 8. Request a limit of at least 28 at https://")
    assert QuotaShortage().in_words().startswith("Request a higher limit at https://portal.azure.com/")
