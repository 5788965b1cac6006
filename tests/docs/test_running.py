"""The commands of the documents do what the documents say."""

import itertools
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.demo_preparation import prepare
from local.sandbox import temporary_ground
from tests.conftest import unchecked
from tests.docs.checkout import Checkout
from tests.docs.documents import GUIDES, read
from tests.docs.running import EXAMPLES, NOT_RUN, Runner, excuse_of, program_of, statements_in
from tests.docs.test_documents import BROKEN
from tests.support import ROOMY, ROOT

SPEED = 400.0


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    for tool in ("curl", "jq"):
        if shutil.which(tool) is None:
            unchecked(tool, f"that the commands of the documents work (Debian, Ubuntu: apt install {tool})")
    with temporary_ground(speed=SPEED, timers=False, estate=ROOT / "examples" / "estate.yaml") as ground:
        with ground.simulation() as simulation:
            for region, name in itertools.product(("polandcentral", "westeurope"), ("cores", "StandardNVADSA10v5Family")):
                simulation.put("/limits", json={"region": region, "name": name, "limit": ROOMY}).raise_for_status()
            prepare(simulation, json.loads((ROOT / "examples" / "build-agent.json").read_text()))
        checkout = Checkout(ground, tmp_path_factory.mktemp("checkout"))
        yield Runner(ground, checkout)
        checkout.close()


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_commands_of_a_document_work(runner: Runner, path: Path) -> None:
    findings = [str(finding) for finding in runner.run(read(path))]
    assert not findings, "\n".join(findings)


BROKEN_RUNS = (
    "`dormouse up ml1 --sideways` ended with 2, not 0",
    "`dormouse ls --colour` ended with 2, not 0",
    "`curl $API/environmental` ended with",
    '`curl -H "x-functions-key: $KEY" http://127.0.0.1:7071/api/environments/nothing` ended with 22, not 0',
    "`dormouse ls` does not print the heading 'COLOUR FLAVOUR'",
    "`dormouse show nothing` ended with 5, not 0",
    "`dormouse ls` ended with 0, not 3",
)


def test_what_does_not_work_in_a_broken_document_is_noticed(runner: Runner) -> None:
    findings = [finding.detail for finding in runner.run(read(BROKEN))]
    assert len(findings) == len(BROKEN_RUNS), findings
    for finding, said in zip(findings, BROKEN_RUNS, strict=True):
        assert said in finding


def test_most_commands_are_run_and_no_excuse_is_stale() -> None:
    statements = [statement for path in GUIDES for _, statement in statements_in(read(path))]
    assert {excuse_of(statement) for statement in statements} - {""} == set(NOT_RUN)
    run = Counter(program_of(statement) for statement in statements)
    least_of = {"dormouse": 45, "curl": 10, "dormouse-awake": 4, **dict.fromkeys(EXAMPLES, 1)}
    for program, least in least_of.items():
        assert run[program] >= least, run
