"""The Python packages of a spec: lines of a requirements.txt that an index can have."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from dormouse.resources import pytorch
from dormouse.text.plain_text import require_plain
from dormouse.text.requirements import LONGEST, read_requirement
from dormouse.text.validators import Several

MOST = 50


def _package(value: str) -> str:
    found = read_requirement(require_plain(value.replace("\t", " ")))
    if found.local and found.project not in pytorch.PACKAGES:
        without = re.sub(rf"\+{re.escape(found.local)}", "", found.text, flags=re.IGNORECASE)
        raise ValueError(f"PyPI has no local versions like +{found.local}; write {without}")
    if found.local and not pytorch.BUILD.fullmatch(found.local):
        words = f"+{found.local} is not a build of PyTorch for these machines; write +cpu or one for CUDA, such as +cu126"
        raise ValueError(words)
    return found.text


def _one_build(packages: Sequence[Any]) -> str:
    builds = pytorch.builds_in(packages[:MOST])
    return f"PyTorch can be installed as one build only, and not as {' and '.join(builds)}" if len(builds) > 1 else ""


Package = Annotated[str, Field(max_length=LONGEST), AfterValidator(_package)]
PythonPackages = Annotated[tuple[Package, ...], Several(MOST, _one_build)]
