"""The pages and files of the dashboard as the host serves them: headers, caching, and nothing secret."""

import re

import httpx
import pytest

from dormouse.http.dashboard.files import STATIC, static_files, version
from local.plain_http import NO_TLS
from local.sandbox import Ground
from release.package import copy_app


@pytest.fixture
def page(ground: Ground) -> httpx.Response:
    return httpx.get(f"{ground.api}/dashboard", trust_env=False, verify=NO_TLS)


def test_page_takes_no_key_and_holds_no_secret(ground: Ground, page: httpx.Response) -> None:
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    texts = [page.text, *(file.content.decode() for file in static_files().values())]
    for secret in (ground.key, ground.keys["master"], "local-slack-secret", "local-notify-secret"):
        assert not any(secret in text for text in texts)


def test_policy_allows_nothing_inline_and_no_strangers(page: httpx.Response) -> None:
    policy = dict(part.strip().partition(" ")[::2] for part in page.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(
        r"<script(?![^>]* src=)|\sstyle=|\son\w+=|https?://(?!login\.)", re.sub("<meta[^>]*>", "", page.text)
    )


def test_files_are_kept_for_good_and_the_page_is_asked_for_again(ground: Ground, page: httpx.Response) -> None:
    assert page.headers["Cache-Control"] == "no-cache"
    referred = re.findall(r'(?:src|href)="(dashboard/[^"]+)"', page.text)
    assert len(referred) >= 2
    for name in referred:
        file = httpx.get(f"{ground.api}/{name}", trust_env=False, verify=NO_TLS)
        assert file.status_code == 200
        assert "immutable" in file.headers["Cache-Control"]
        assert file.headers["Content-Encoding"] == "gzip"
        assert file.text == (STATIC / name.rpartition("/")[2]).read_text()


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_what_the_browser_has_is_not_sent_again(ground: Ground, encoding: str) -> None:
    for path in ("dashboard", f"dashboard/{version()}/dashboard.js"):
        first = httpx.get(f"{ground.api}/{path}", headers={"Accept-Encoding": encoding}, trust_env=False, verify=NO_TLS)
        again = {"Accept-Encoding": encoding, "If-None-Match": f'"other", W/{first.headers["ETag"]}'}
        second = httpx.get(f"{ground.api}/{path}", headers=again, trust_env=False, verify=NO_TLS)
        assert (second.status_code, second.content) == (304, b"")
        assert second.headers["ETag"] == first.headers["ETag"]
        other = httpx.get(
            f"{ground.api}/{path}", headers={**again, "If-None-Match": '"other"'}, trust_env=False, verify=NO_TLS
        )
        assert other.status_code == 200


@pytest.mark.parametrize(
    "path", ["0000000000000000/dashboard.js", "{v}/files.py", "{v}/..%2Ffiles.py", "{v}/dashboard.html"]
)
def test_only_what_the_table_names_is_served(ground: Ground, path: str) -> None:
    answer = httpx.get(f"{ground.api}/dashboard/{path.format(v=version())}", trust_env=False, verify=NO_TLS)
    assert answer.status_code == 404


def test_package_holds_every_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("package")
    copy_app(folder)
    packed = folder / "dormouse" / "http" / "dashboard" / "static"
    assert {path.name: path.read_bytes() for path in packed.iterdir()} == {
        path.name: path.read_bytes() for path in STATIC.iterdir()
    }


def test_pages_stay_small() -> None:
    files = static_files().values()
    assert sum(len(file.content) for file in files) < 120_000
    assert sum(len(file.compressed) for file in files) < 40_000
