"""Resource IDs in the forms in which people copy them."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from dormouse_cli.machine_ids import read_machine
from tests.cli.support import Command, FakeServer, accept

ID = (
    "/subscriptions/0d0e5e00-0000-4000-8000-000000000001/resourceGroups/research"
    "/providers/Microsoft.Compute/virtualMachines/trainer"
)
BLADE = "https://portal.azure.com/#view/Microsoft_Azure_Compute/VirtualMachineInstancesMenuBlade/~/overview/instanceId/"
FORMS = {
    "Git Bash": f"C:/Program Files/Git{ID}",
    "Git Bash elsewhere": f"D:\\tools\\git{ID}".replace("/", "\\"),
    "MSYS workaround": f"/{ID}",
    "trailing slash": f"{ID}/",
    "portal": f"https://portal.azure.com/#@contoso.onmicrosoft.com/resource{ID}/overview",
    "portal blade": f"{BLADE}{quote(ID, safe='')}",
    "Azure Resource Manager": f"https://management.azure.com{ID}?api-version=2024-07-01",
    "resource explorer": f"https://resources.azure.com{ID}",
    "no leading slash": ID[1:],
    "quotes": f'"{ID}"',
    "apostrophes": f"'{ID}'",
    "typographic quotes": f"\u201c{ID}\u201d",
    "backticks": f"`{ID}`",
    "brackets": f"<{ID}>",
    "a line of JSON": f'  "id": "{ID}",',
    "spaces and a line end": f" \u00a0{ID}\u200b \r\n",
    "percent-encoded": quote(ID),
    "other case": ID.replace("/subscriptions", "/SUBSCRIPTIONS").replace("resourceGroups", "resourcegroups"),
    "upper-case provider": ID.replace("Microsoft.Compute/virtualMachines", "MICROSOFT.COMPUTE/VIRTUALMACHINES"),
    "extension": f"{ID}/extensions/agent",
    "end of a sentence": f"{ID}.",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_resource_id_is_recognised_in_every_form(form: str) -> None:
    assert read_machine(FORMS[form]) == ID


@pytest.mark.parametrize(
    ("text", "machine"),
    [
        ("research/trainer", "research/trainer"),
        (" research/trainer/ ", "research/trainer"),
        ('"research/trainer"', "research/trainer"),
        ("/research/trainer", "research/trainer"),
        ("research\\trainer", "research/trainer"),
        ("C:/Program Files/Git/research/trainer", "research/trainer"),
        ("/x", "/x"),
        ("ml1", "ml1"),
        (' "ml1/" ', "ml1"),
        ("", ""),
        (f"{ID.replace('virtualMachines', 'disks')}/", ID.replace("virtualMachines", "disks")),
    ],
)
def test_other_texts_keep_their_meaning(text: str, machine: str) -> None:
    assert read_machine(text) == machine


@pytest.mark.parametrize("form", ["Git Bash", "portal", "quotes"])
def test_commands_take_a_resource_id_in_other_forms(dormouse: Command, server: FakeServer, form: str) -> None:
    server.respond(accept)
    assert dormouse("adopt", FORMS[form]).code == 0
    assert json.loads(server.requests[-1].body)["machine"] == ID
    held: dict[str, Any] = {"hold": None}
    server.respond(lambda request: request.json(held))
    assert dormouse("hold", FORMS[form], "2h").code == 0
    assert (server.requests[-1].path, json.loads(server.requests[-1].body)["machine"]) == ("/api/machines/hold", ID)


def test_a_group_and_a_name_are_found_in_the_last_sweep(dormouse: Command, server: FakeServer) -> None:
    server.respond(lambda request: request.json({"value": [{"id": ID, "name": "trainer"}]}), accept)
    assert dormouse("release", " Research\\Trainer ").code == 0
    assert json.loads(server.requests[-1].body)["machine"] == ID
