"""The functional check of a control plane: a small environment is built, stopped, started and deleted."""

import secrets
from collections.abc import Callable
from typing import Annotated, Any

import typer

from dormouse_cli.client import ControlPlane, open_control_plane, path_of
from dormouse_cli.errors import CommandError, NotFound, Unsuccessful
from dormouse_cli.network.responses import Response
from dormouse_cli.options import AsJson, Every
from dormouse_cli.output import print_lines, print_note, sanitize, to_json, write_text
from dormouse_cli.polling import accepted_operation, poll_until_ended
from dormouse_cli.render.operations import has_succeeded
from dormouse_cli.render.values import price_text
from dormouse_cli.shapes import ENVIRONMENT, OPERATION, PLAN

SIZE = "Standard_D4s_v5"  # without a GPU, and offered in almost every region
# The control plane deletes the environment by then, whatever becomes of this command.
LEASE = {"for": "3h", "then": "delete"}


def selftest(
    *,
    region: Annotated[str, typer.Option("--region", "-r", metavar="REGION", help="Where the environment is built.")],
    size: Annotated[str, typer.Option("--size", metavar="SIZE", help="The VM size to build.")] = SIZE,
    max_hourly_cost: Annotated[
        float, typer.Option("--max-hourly-cost", min=0.01, metavar="AMOUNT", help="The highest price per hour, in USD.")
    ] = 0.5,
    every: Every = None,
    as_json: AsJson = False,
) -> None:
    """Check a control plane: build a small environment, stop, start and delete it, and verify that nothing is left.

    It is billed for about half an hour. If the command is interrupted, the control plane deletes it after three hours.
    """
    name = f"selftest-{secrets.token_hex(3)}"
    spec = {"blueprint": "data-science", "region": region, "size": size, "max_hourly_cost": max_hourly_cost}
    with open_control_plane() as plane:
        check = _Check(plane, name, every, quiet=as_json)
        try:
            check.run(spec)
        finally:
            check.clean_up()
            if as_json:
                write_text(to_json({"environment": name, "checks": check.passed}))
    print_note(f"The control plane works: {len(check.passed)} checks passed.")


class _Check:
    """The steps of the check; each passes or ends it with a CommandError."""

    def __init__(self, plane: ControlPlane, name: str, every: float | None, *, quiet: bool) -> None:
        self._plane, self._name, self._every, self._quiet = plane, name, every, quiet
        self._path = path_of("environments", name)
        self._exists = False
        self.passed: list[str] = []

    def run(self, spec: dict[str, Any]) -> None:
        """Run all steps; raises CommandError at the first that fails."""
        self._plane.get("/health")
        self._pass("the API answers")
        self._plan(spec)
        self._exists = True
        self._operation("built, and healthy", lambda: self._plane.command("PUT", self._path, spec))
        self._plane.command("POST", f"{self._path}/extend", LEASE)
        self._state("running")
        self._operation("stopped", lambda: self._plane.command("POST", f"{self._path}/stop"))
        self._state("stopped")
        self._operation("started, and healthy again", lambda: self._plane.command("POST", f"{self._path}/start"))
        self._state("running")
        self._delete()
        try:
            self._plane.get(self._path)
        except NotFound:
            self._exists = False
            self._pass("nothing is left")
            return
        raise Unsuccessful(f"{self._name} was deleted, and the control plane still shows it.")

    def clean_up(self) -> None:
        """Delete the environment if the check ended before that."""
        if self._exists:
            print_note(f"Deleting {self._name} …")
            try:
                self._delete()
            except CommandError as error:
                print_note(f"{error} Delete it yourself: dormouse rm {self._name}")

    def _plan(self, spec: dict[str, Any]) -> None:
        plan = self._plane.command("PUT", self._path, spec, dry_run=True).fields(PLAN)
        refusals = [sanitize(refusal.get("detail")) for refusal in plan.get("refusals") or []]
        if refusals or not plan.get("price_per_hour"):
            raise Unsuccessful(f"The plan of {self._name} would be refused.", *(refusals or ["Its price is not known."]))
        self._pass(f"planned, for {sanitize(price_text(plan))}")

    def _delete(self) -> None:
        ended = self._operation("deleted", lambda: self._plane.command("DELETE", self._path))
        left = [sanitize(one) for one in ended.get("leftovers") or []]
        self._exists = False
        if left:
            raise Unsuccessful("The deletion left resources that are billed.", *left)
        if ended.get("unverified"):
            raise Unsuccessful(f"It could not be verified that nothing is left: {sanitize(ended['unverified'])}")

    def _operation(self, done: str, send: Callable[[], Response]) -> dict[str, Any]:
        ended = poll_until_ended(self._plane, accepted_operation(send()), every=self._every).fields(OPERATION)
        if not has_succeeded(ended):
            raise Unsuccessful(f"{self._name} was not {done}: {sanitize(ended.get('reason'))}")
        self._pass(done)
        return ended

    def _state(self, expected: str) -> None:
        state = sanitize(self._plane.get(self._path).fields(ENVIRONMENT).get("state"))
        if state != expected:
            raise Unsuccessful(f"{self._name} should be {expected}, and is {state}.")

    def _pass(self, what: str) -> None:
        self.passed.append(what)
        if not self._quiet:
            print_lines(f"passed: {what}")
