"""Resource IDs of machines: one way to write each, and a hint for malformed ones."""

import pytest
from pydantic import ValidationError

from dormouse.http.handlers.adoption import AdoptRequest, ReleaseRequest
from dormouse.http.handlers.machines import MachineHold, MachineLease
from dormouse.resources.compute.machines import key_of, machine_id, parts_of_machine_id

SUBSCRIPTION = "0d0e5e00-0000-4000-8000-000000000001"
GOOD = machine_id(SUBSCRIPTION, "lab", "m1")


@pytest.mark.parametrize(("group", "name"), [("lab", "m1"), ("Lübeck_(1).x-y", "gpu_1.a-b"), ("g" * 90, "n" * 64)])
def test_a_machine_id_is_parsed_into_subscription_group_and_name(group: str, name: str) -> None:
    given = machine_id(SUBSCRIPTION, group, name)
    assert parts_of_machine_id(given) == (SUBSCRIPTION, group, name)
    assert key_of(f" {given.upper()} ") == f"{SUBSCRIPTION}:{group}:{name}".lower()


@pytest.mark.parametrize(
    ("odd", "hint"),
    [
        (f"junk{GOOD}", f"remove the text before {GOOD}"),
        (f"/{GOOD}", "remove the text before"),
        (f"C:/Program Files/Git{GOOD}", "remove the text before"),
        (f"https://portal.azure.com/#@t/resource{GOOD}/overview", "remove the text before"),
        (f"{GOOD}/", "remove everything after the VM name"),
        (f"{GOOD}/extensions/x", "remove everything after the VM name"),
        (GOOD.replace("/lab/", "/../"), "expected /subscriptions/"),
        (GOOD.replace("/lab/", "/./"), "expected /subscriptions"),
        (GOOD.replace("/lab/", "//"), "expected /subscriptions"),
        (GOOD.replace("m1", ".."), "expected /subscriptions"),
        (GOOD.replace("m1", ""), "expected /subscriptions"),
        (GOOD.replace(SUBSCRIPTION, ".."), "expected /subscriptions"),
        (GOOD.replace("/lab/", "/l\x00b/"), "expected /subscriptions"),
        (GOOD.replace("/lab/", "/l\u202eb/"), "expected /subscriptions"),
        (GOOD.replace("/lab/", "/l%2fb/"), "expected /subscriptions"),
        (GOOD.replace("/lab/", "/l:b/"), "expected /subscriptions"),
        (GOOD.replace("/lab/", f"/{'g' * 91}/"), "expected /subscriptions"),
        (GOOD.replace("m1", "n" * 81), "expected /subscriptions"),
        (GOOD.replace("m1", "m1?x=1"), "expected /subscriptions"),
        (GOOD.replace("subscriptions", "\u017fubscriptions"), "expected /subscriptions"),
        (GOOD.replace("virtualMachines", "disks"), "expected /subscriptions"),
        ("", "expected /subscriptions"),
        ("m1", "expected /subscriptions"),
    ],
)
def test_a_malformed_machine_id_is_rejected_with_a_hint(odd: str, hint: str) -> None:
    with pytest.raises(ValueError, match="is not the resource ID of a virtual machine") as refused:
        parts_of_machine_id(odd)
    assert hint in str(refused.value)
    for kind in (MachineHold, MachineLease, AdoptRequest, ReleaseRequest):
        with pytest.raises(ValidationError):
            kind.model_validate({"machine": odd, "for": "2h"} if kind in (MachineHold, MachineLease) else {"machine": odd})
