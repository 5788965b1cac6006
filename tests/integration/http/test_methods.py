"""Every route answers OPTIONS, and every GET route answers HEAD; the Functions host adds neither by itself."""

import re

import httpx
import pytest

from dormouse.http.routes import ROUTES
from function_app import build_app, connect
from local.sandbox import Ground
from tests.support import ControlPlane

EXAMPLES = {
    "{name}": "ml1",
    "{id}": "ml1-stop-01JABCDEFGHJKMNPQRSTVWXYZ0",
    "{link}": "MDpnOnZt.x",
}
TEMPLATES = sorted({route.template for route in ROUTES})
READ = sorted({route.template for route in ROUTES if route.method == "GET"})


def path_of(template: str) -> str:
    for parameter, value in EXAMPLES.items():
        template = template.replace(parameter, value)
    return f"/{template}"


@pytest.mark.parametrize("template", TEMPLATES)
def test_options_lists_the_methods_of_a_path_without_a_key(ground: Ground, template: str) -> None:
    answer = httpx.options(f"{ground.api}{path_of(template)}", trust_env=False)
    own = [route.method for route in ROUTES if route.template == template]
    assert (answer.status_code, answer.content) == (204, b"")
    expected = {*own, "OPTIONS", *(["HEAD"] if "GET" in own else [])}
    assert set(answer.headers["Allow"].split(", ")) == expected


def test_options_ignores_case_and_a_trailing_slash_like_the_routes_do(ground: Ground) -> None:
    assert httpx.options(f"{ground.api}/HEALTH/", trust_env=False).headers["Allow"] == "GET, HEAD, OPTIONS"
    named = httpx.options(f"{ground.api}/Environments/x%20y", trust_env=False)
    assert named.headers["Allow"] == "PUT, GET, HEAD, DELETE, OPTIONS"


@pytest.mark.parametrize("path", ["", "/", "/nothing", "/environments/a/b/c", "/health/x", "/environments/"])
def test_options_of_an_unknown_path_is_404(ground: Ground, path: str) -> None:
    answer = httpx.options(f"{ground.api}{path}", trust_env=False)
    assert answer.status_code == (204 if path == "/environments/" else 404)


@pytest.mark.parametrize("template", READ)
def test_head_is_answered_as_get_without_a_body(control_plane: ControlPlane, template: str) -> None:
    path = path_of(template)
    read, head = control_plane.client.get(path), control_plane.client.head(path)
    assert (head.status_code, head.headers["Content-Type"]) == (read.status_code, read.headers["Content-Type"])
    assert head.content == b""
    assert read.content


def test_head_takes_the_same_key_and_checks_as_get(ground: Ground, control_plane: ControlPlane) -> None:
    assert httpx.head(f"{ground.api}/health", trust_env=False).status_code == 200
    assert httpx.head(f"{ground.api}/environments", trust_env=False).status_code == 401
    assert control_plane.client.head("/environments?limit=x").status_code == 400
    assert control_plane.client.head("/environments/nobody").status_code == 404
    assert control_plane.client.head("/environments/ml1/stop").status_code == 404, "not a route that answers GET"


def test_every_function_has_a_name_that_the_host_accepts() -> None:
    """The pattern of the host's own check: https://github.com/Azure/azure-functions-ux/issues/504"""
    names = [function.get_function_name() for function in build_app(connect).get_functions()]
    assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9_-]{0,127}", name, re.IGNORECASE)] == []
    assert "host" not in names
