"""Resource IDs of machines in the forms in which people copy them."""

import re
from urllib.parse import unquote

# Around an ID: quotation marks of any kind, brackets, commas, and spaces that cannot be seen.
QUOTES = "\"'`\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb<>"
DECORATION = f" \t\r\n{QUOTES}()[]{{}},;\u00a0\u200b\u2060\ufeff"
SEGMENT = rf"[^/\s{QUOTES}?#&,;]+"
MACHINE = re.compile(
    rf"/?subscriptions/(?P<subscription>{SEGMENT})/resourceGroups/(?P<group>{SEGMENT})"
    rf"/providers/Microsoft\.Compute/virtualMachines/(?P<name>{SEGMENT})",
    re.IGNORECASE,
)
ANY_RESOURCE = re.compile(rf"/?subscriptions/{SEGMENT}(?:/{SEGMENT})*", re.IGNORECASE)
GROUP_AND_NAME = 2  # segments of GROUP/MACHINE
# Git Bash turns an argument that begins with a slash into a Windows path below its own folder.
CONVERTED = re.compile(r"[A-Za-z]:/")


def read_machine(text: str) -> str:
    """What a text names: a machine's resource ID as Azure writes it, or `GROUP/MACHINE` without decoration.

    The ID may be inside a URL of the portal or of Azure Resource Manager, or inside a path that Git Bash has made of it.
    """
    plain = re.sub(r"/{2,}", "/", unquote(unquote(text)).replace("\\", "/")).strip(DECORATION)
    found = MACHINE.search(plain)
    if found:
        return (
            f"/subscriptions/{found['subscription']}/resourceGroups/{found['group']}"
            f"/providers/Microsoft.Compute/virtualMachines/{found['name'].rstrip('.)')}"
        )
    other = ANY_RESOURCE.search(plain)
    if other:
        return f"/{other[0].strip('/')}"
    parts = plain.strip("/").split("/")
    if plain.startswith("/") and len(parts) != GROUP_AND_NAME:
        return plain  # neither form: the control plane says what is wrong with it
    return "/".join(parts[-GROUP_AND_NAME:] if CONVERTED.match(plain) else parts)


def is_id(text: str) -> bool:
    """Whether a machine that was read is a resource ID."""
    return text.startswith("/")
