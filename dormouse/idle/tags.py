"""Tags: those that Dormouse reads or writes on a machine, and the detection of misspelt ones."""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from dormouse.resources.compute.machines import DEPLOYMENT_TAG, ENVIRONMENT_TAG, IDLE_TAG, KEEP_TAG, SCHEDULE_TAG
from dormouse.text.spelling import FURTHEST, edits, is_near

# Tags that users set come first: of two equally near names, the user meant one of these.
SET_BY_USERS = (KEEP_TAG, IDLE_TAG, SCHEDULE_TAG)
WRITTEN_BY_DORMOUSE = (ENVIRONMENT_TAG, "dormouse-blueprint", "dormouse-owner", "dormouse-operation", DEPLOYMENT_TAG)
KNOWN = SET_BY_USERS + WRITTEN_BY_DORMOUSE
# Azure ignores only upper and lower case in the names of tags:
# https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources
SEPARATORS = re.compile(r"[\W_]+")


def tag_faults(tags: Mapping[str, str]) -> list[str]:
    """A phrase for each unknown tag that was probably meant for Dormouse, sorted by name."""
    return [_fault(name) for name in sorted(tags) if name.lower() not in KNOWN and _is_like_ours(name)]


@lru_cache(4096)
def _is_like_ours(name: str) -> bool:
    """Whether a tag was probably meant for Dormouse; cached, because all machines of a fleet have the same few tags."""
    letters = _letters(name)
    first = _letters(_words(name)[0])
    return (
        letters.startswith(ENVIRONMENT_TAG)
        or is_near(first, ENVIRONMENT_TAG)
        or any(is_near(letters, _letters(known)) for known in KNOWN)
    )


def _fault(name: str) -> str:
    letters = _letters(name)
    near = min(KNOWN, key=lambda known: edits(letters, _letters(known)))
    # `dormouse` itself is within two edits of `dormouse-ab`, so it is not a useful suggestion.
    if near == ENVIRONMENT_TAG and len(letters) > len(ENVIRONMENT_TAG) and letters.startswith(ENVIRONMENT_TAG):
        near = min(SET_BY_USERS, key=lambda known: edits(letters, _letters(known)))
    if is_near(letters, _letters(near), FURTHEST + 1):
        return f"unknown tag {name!r} (did you mean {near!r}?)"
    return f"unknown tag {name!r} (valid tags: {', '.join(sorted(SET_BY_USERS))})"


def _words(name: str) -> list[str]:
    return SEPARATORS.split(unicodedata.normalize("NFKC", name).lower().strip())


def _letters(name: str) -> str:
    return "".join(_words(name))
