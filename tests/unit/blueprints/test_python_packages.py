"""Python packages of a spec, and the builds of PyTorch in them."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from dormouse.blueprints.parts.python_packages import PythonPackages
from dormouse.resources.pytorch import builds_in

PACKAGES: TypeAdapter[tuple[str, ...]] = TypeAdapter(PythonPackages)


def faults(*packages: Any) -> dict[tuple[int | str, ...], str]:
    with pytest.raises(ValidationError) as refused:
        PACKAGES.validate_python(packages)
    return {item["loc"]: str(item.get("ctx", {}).get("error", "")) for item in refused.value.errors()}


def test_lines_of_a_requirements_file_are_accepted_in_their_normal_form() -> None:
    lines = ["numpy>=1.24,<2.0", "jupyterlab >= 4", "tensorflow; python_version<'3.12'", "torch == 2.3.0+cu121"]
    accepted = ("numpy>=1.24,<2.0", "jupyterlab>=4", 'tensorflow; python_version < "3.12"', "torch==2.3.0+cu121")
    assert PACKAGES.validate_python(lines) == accepted
    assert PACKAGES.validate_python(accepted) == accepted


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ("numpy==1.26.4+cu121", "PyPI has no local versions like +cu121; write numpy==1.26.4"),
        ("torch==2.3.0+rocm6.0", "+rocm6.0 is not a build of PyTorch for these machines; write +cpu"),
        ("numpy\x00", "control character"),
        ("numpy\u202e", "direction mark"),
    ],
)
def test_a_package_that_no_index_can_have_is_refused(package: str, words: str) -> None:
    assert words in faults(package)[(0,)]


def test_packages_of_two_pytorch_builds_are_refused_beside_other_errors() -> None:
    found = faults("torch==2.3.0+cu121", "torchvision==0.18.0+cu118", "a b")
    assert "one build only, and not as cu118 and cu121" in found[()]
    assert (2,) in found


def test_stored_lists_are_validated_alike() -> None:
    assert PACKAGES.validate_json('["numpy >= 1"]') == ("numpy>=1",)
    for text in (
        '["a b"]',
        '["numpy"' + ', "numpy"' * 50 + "]",
        '"numpy"',
        "{}",
        '["torch==2.3.0+cpu", "torchaudio==2.3.0+cu118"]',
    ):
        with pytest.raises(ValidationError):
            PACKAGES.validate_json(text)


def test_the_build_of_pytorch_is_read_from_any_of_its_packages() -> None:
    assert builds_in(["numpy", "a b", "TorchVision[x]==0.18.0+CU121", "torch", None]) == ["cu121"]
    assert builds_in(["torch==2.3.0", "torch!=2.3.0+cu118"]) == []
