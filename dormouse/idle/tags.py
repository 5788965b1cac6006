"""Tags: those that Dormouse reads or writes on a machine, and the misspelt ones, which would otherwise have no effect."""

import re
import unicodedata
from collections.abc import Mapping

from dormouse.resources.machines import DEPLOYMENT_TAG, ENVIRONMENT_TAG, IDLE_TAG, KEEP_TAG, SCHEDULE_TAG
from dormouse.text.spelling import FURTHEST, edits, is_near

# What people set comes first: of two names that are equally near, it is the one that they meant.
SET_BY_PEOPLE = (KEEP_TAG, IDLE_TAG, SCHEDULE_TAG)
WRITTEN_BY_DORMOUSE = (ENVIRONMENT_TAG, "dormouse-blueprint", "dormouse-owner", "dormouse-operation", DEPLOYMENT_TAG)
KNOWN = SET_BY_PEOPLE + WRITTEN_BY_DORMOUSE
# Azure takes no notice of capitals in the names of tags, and of nothing else:
# https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources
SEPARATORS = re.compile(r"[\W_]+")


def tag_faults(tags: Mapping[str, str]) -> list[str]:
    """A sentence for each tag that was probably meant for Dormouse and is none that it knows, in the order of names."""
    return [_sentence(name) for name in sorted(tags) if name.lower() not in KNOWN and _is_meant(name)]


def _is_meant(name: str) -> bool:
    letters = _letters(name)
    first = _letters(_words(name)[0])
    return (
        letters.startswith(ENVIRONMENT_TAG)
        or is_near(first, ENVIRONMENT_TAG)
        or any(is_near(letters, _letters(known)) for known in KNOWN)
    )


def _sentence(name: str) -> str:
    letters = _letters(name)
    near = min(KNOWN, key=lambda known: edits(letters, _letters(known)))
    # `dormouse` itself is within two edits of `dormouse-ab`, which says nothing about what was meant.
    if near == ENVIRONMENT_TAG and len(letters) > len(ENVIRONMENT_TAG) and letters.startswith(ENVIRONMENT_TAG):
        near = min(SET_BY_PEOPLE, key=lambda known: edits(letters, _letters(known)))
    if is_near(letters, _letters(near), FURTHEST + 1):
        return f"the tag {name!r} is unknown; did you mean {near!r}?"
    return f"the tag {name!r} is unknown; tags that can be set are {', '.join(sorted(SET_BY_PEOPLE))}"


def _words(name: str) -> list[str]:
    return SEPARATORS.split(unicodedata.normalize("NFKC", name).lower().strip())


def _letters(name: str) -> str:
    return "".join(_words(name))
