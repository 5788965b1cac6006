"""The commands of documents, run in order against a control plane on a simulated Azure."""

import contextlib
import re
import time
from collections.abc import Iterator

from local.sandbox import Ground
from tests.docs.check import Finding
from tests.docs.checkout import Checkout
from tests.docs.documents import Document
from tests.docs.shell import ShellSyntaxError, Statement, statements_of

EXAMPLES = ("examples/say-in-slack.sh", "examples/report-busy.sh", "examples/report_busy.py")
RUN = ("dormouse", "curl", "dormouse-awake", *EXAMPLES)
# Statements that are only parsed, by how they begin, each with the reason.
NOT_RUN = {
    "dormouse login https://dormouse.example.net --entra": "needs Entra; tests/cli/test_login.py runs it",
    "dormouse selftest -r westeurope --max-hourly-cost": "the line before it, which is run, does the same",
    "source <(dormouse completion bash)": "changes the shell; tests/cli/test_wheel.py compares its output",
    "curl … -X POST https://simulation.localhost:7443/estate": "the file is the reader's",
    "signature=v0=$(printf": "examples/say-in-slack.sh, which is run, does the same",
    'curl "$API/chatops/slack" --data-raw': "the same",
}
HEADING = re.compile(r"[A-Z]{3,}[A-Z /]*(?: {2,}[A-Z][A-Z /]*)+\s*")
PATIENCE = 90.0
SPEC = "blueprint: workstation\nregion: polandcentral\nallow_from: [203.0.113.7/32]\n"  # of documents that show none


def statements_in(document: Document) -> Iterator[tuple[int, Statement]]:
    """The statements of a document in order, with the lines of their blocks; what is no shell is another check's finding."""
    for block in document.blocks:
        if block.language in ("sh", "console"):
            with contextlib.suppress(ShellSyntaxError):
                yield from ((block.line, statement) for statement in statements_of(block.language, block.text))


def excuse_of(statement: Statement) -> str:
    """How the entry of NOT_RUN begins that a statement is excused by, or ""."""
    return next((beginning for beginning in NOT_RUN if statement.text.startswith(beginning)), "")


def program_of(statement: Statement) -> str:
    """The program for which a statement is run, or "" if it is not run."""
    names = {command.name for command in statement.commands}
    return "" if excuse_of(statement) else next((name for name in RUN if name in names), "")


class Runner:
    """Runs documents."""

    def __init__(self, ground: Ground, checkout: Checkout) -> None:
        self._ground, self._checkout = ground, checkout

    def run(self, document: Document) -> Iterator[Finding]:
        """Run what a document says, from its first line to its last, and leave no environment behind."""
        specs = [block.text for block in document.blocks if block.language == "yaml" and "blueprint:" in block.text]
        (self._checkout.folder / "spec.yaml").write_text(specs[-1] if specs else SPEC)
        before, ran = "", False
        for line, statement in statements_in(document):
            if statement.assigns and not statement.commands:
                before += f"{statement.text}\n"
            elif program_of(statement):
                ran = True
                yield from (Finding(document.name, line, fault) for fault in self._faults_of(statement, before))
        if ran:
            self._clean_up()

    def _faults_of(self, statement: Statement, before: str) -> Iterator[str]:
        self._wait()
        done = self._checkout.run(f"{before}{statement.text}")
        if done.returncode != statement.exit_code:
            yield f"`{statement.text}` ended with {done.returncode}, not {statement.exit_code}:\n{done.stdout}{done.stderr}"
        shown = [" ".join(line.split()) for line in (done.stdout + done.stderr).splitlines()]
        for line in statement.output:
            if HEADING.fullmatch(line) and " ".join(line.split()) not in shown:
                yield f"`{statement.text}` does not print the heading {' '.join(line.split())!r}, but {shown[:1]}"

    def _wait(self) -> None:
        """Wait until every operation has ended, as a reader would."""
        deadline = time.monotonic() + PATIENCE
        with self._ground.client() as client:
            while time.monotonic() < deadline:
                operations = client.get("/operations").raise_for_status().json()["value"]
                if all(operation["outcome"] is not None for operation in operations):
                    return
                time.sleep(0.2)
        raise AssertionError("an operation has not ended")

    def _clean_up(self) -> None:
        self._wait()
        with self._ground.simulation() as simulation:
            simulation.delete("/faults").raise_for_status()
        with self._ground.client() as client:
            while environments := client.get("/environments").raise_for_status().json()["value"]:
                needed = {parent for each in environments for parent in each["depends_on"]}
                for name in {each["name"] for each in environments} - needed:
                    client.delete(f"/environments/{name}").raise_for_status()
                self._wait()
