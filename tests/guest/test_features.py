"""Every feature that a blueprint can ask for is known to the setup and to the health check."""

from typing import get_args

import pytest

from dormouse.guest.features.registry import FEATURES
from dormouse.guest.health import HEAD, expected_checks, health_script
from dormouse.guest.packaging import FOLDER
from dormouse.resources.features import Feature, GuestSetup, JupyterHub
from dormouse.serialization import decode, encode
from tests.guest.setups import URL, setup, vermin


def test_every_feature_is_registered_under_the_name_that_its_data_carries() -> None:
    union = get_args(Feature)[0]
    names = [kind.__dataclass_fields__["feature"].default for kind in get_args(union)]
    assert sorted(FEATURES) == sorted(names)


def test_features_survive_durable_history() -> None:
    wanted = setup(control_plane=URL)
    assert decode(GuestSetup, encode(wanted)) == wanted


def test_a_hub_in_the_history_of_an_older_release_has_no_rstudio() -> None:
    hub = {"users": ["ana"], "packages": [], "sudo": True, "port": 8000, "feature": "jupyterhub"}
    (found,) = decode(GuestSetup, {"admin_username": "ana", "features": [hub]}).features
    assert found == JupyterHub(("ana",), rstudio=False)


def test_a_machine_without_features_is_checked_for_its_first_boot_only() -> None:
    plain = GuestSetup("azureuser")
    assert expected_checks(plain) == ("cloud-init", "setup")
    assert health_script(plain).startswith(HEAD.partition("@")[0])


@pytest.mark.parametrize("program", ["hub", "hub_check", "pipelines"])
def test_the_programs_run_with_the_python_of_ubuntu_22_04(program: str) -> None:
    done = vermin("--target=3.10-", "--no-tips", "--violations", FOLDER / program)
    assert done.returncode == 0, done.stdout
