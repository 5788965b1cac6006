"""The commands of the documents do what the documents say."""

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.demo_preparation import prepare
from local.sandbox import temporary_ground
from tests.conftest import unchecked
from tests.docs.checkout import Checkout
from tests.docs.documents import GUIDES, read
from tests.docs.running import Runner
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
