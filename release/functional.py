"""The functional check of a stage: `dormouse selftest` builds, stops, starts and deletes a small environment."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping

from release.arm import CheckFailed
from release.command import AUDIENCE, main_of, resource_manager
from release.deployment import deployment_of, function_key

# Where, and the most that an hour may cost (USD).
REGION, COST = "DORMOUSE_TEST_REGION", "DORMOUSE_TEST_COST"
COMMAND = (sys.executable, "-m", "dormouse_cli")
Variables = Mapping[str, str]


def selftest(url: str, key: str, audience: str, region: str, cost: float, environment: Variables) -> None:
    """Run the command line against a control plane; raises CheckFailed if it fails. The key is no argument."""
    with tempfile.TemporaryDirectory() as home:
        given = {**environment, "DORMOUSE_URL": url, "XDG_CONFIG_HOME": home}
        given |= {} if audience else {"DORMOUSE_KEY": key}
        if audience:
            _run(("login", url, "--entra", "--audience", audience), given)
        _run(("selftest", "--region", region, "--max-hourly-cost", f"{cost}"), given)


def _run(arguments: tuple[str, ...], environment: Variables) -> None:
    done = subprocess.run([*COMMAND, *arguments], env=dict(environment), check=False)  # noqa: S603 - our own command
    if done.returncode != 0:
        raise CheckFailed(f"dormouse {arguments[0]} ended with status {done.returncode}.")


def run(stage: str, every: float) -> Iterator[str]:
    """Run the check for a stage, polling so often (seconds)."""
    region, cost = os.environ.get(REGION) or "westeurope", float(os.environ.get(COST) or "0.5")
    audience = os.environ.get(AUDIENCE, "")
    with resource_manager() as arm:
        deployment = deployment_of(arm, stage)
        key = "" if audience else function_key(arm, deployment)
    environment = {**os.environ, "DORMOUSE_EVERY": f"{every}"}
    selftest(deployment.url, key, audience, region, cost, environment)
    yield f"an environment was built and deleted in {region}, for at most {cost} USD an hour"


def main() -> None:
    """Check the stage on the command line."""
    main_of(__doc__, run)


if __name__ == "__main__":
    main()
