"""How all tests are run: what a busy computer explains is repeated once, and nothing else."""

from pathlib import Path

import pytest

from tests.run import ACCELERATED, MOST_FILES, MOST_TESTS, run, to_repeat

ROOT = Path(__file__).resolve().parent.parent.parent
# One more than are repeated.
OF_ONE_FILE = [f"tests/cli/test_a.py::a[{number}]" for number in range(MOST_TESTS + 1)]
OF_MANY_FILES = [f"tests/cli/test_{number}.py::a" for number in range(MOST_FILES + 1)]
TEST = """
from pathlib import Path

def test_it():
    seen = Path("seen")
    times = len(seen.read_text()) if seen.exists() else 0
    seen.write_text("x" * (times + 1))
    assert times >= {needed}
"""


def test_the_folders_exist() -> None:
    assert all((ROOT / folder).is_dir() for folder in ACCELERATED)


@pytest.mark.parametrize(
    ("failed", "repeated"),
    [
        ([], []),
        (["tests/hazards/test_b.py::b", "tests/cli/test_a.py::a"], ["tests/cli/test_a.py::a", "tests/hazards/test_b.py::b"]),
        (["tests/cli/test_a.py::a", "tests/unit/test_b.py::b"], []),
        (OF_ONE_FILE[:MOST_TESTS], sorted(OF_ONE_FILE[:MOST_TESTS])),
        (OF_ONE_FILE, []),
        (OF_MANY_FILES[:MOST_FILES], OF_MANY_FILES[:MOST_FILES]),
        (OF_MANY_FILES, []),
    ],
)
def test_all_failed_tests_are_repeated_or_none(failed: list[str], repeated: list[str]) -> None:
    assert to_repeat(failed) == repeated


@pytest.mark.parametrize(
    ("folder", "needed", "status", "times"),
    [("cli", 0, 0, 1), ("cli", 1, 0, 2), ("cli", 2, 1, 2), ("unit", 1, 1, 1)],
    ids=["passes", "passes alone", "never passes", "has no accelerated time"],
)
def test_a_failed_test_is_repeated_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], folder: str, needed: int, status: int, times: int
) -> None:
    file = tmp_path / "tests" / folder / "test_it.py"
    file.parent.mkdir(parents=True)
    file.write_text(TEST.format(needed=needed))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    assert run(["tests"], tmp_path) == status
    assert (tmp_path / "seen").read_text() == "x" * times
    assert ("PASSED ONLY WHEN REPEATED ALONE" in capfd.readouterr().out) == (status == 0 and times == 2)


def test_the_status_of_a_run_without_tests_is_kept(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    assert run(["."], tmp_path) == 5
