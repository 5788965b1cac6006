"""The generated configuration runs the real JupyterHub: PAM, TLS, kernels that outlive restarts, and its check."""

import base64
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dormouse.guest.hub_check.login import judged
from tests.conformance.hub_machine import PASSWORD, VENV, HubMachine, Metadata, run, served
from tests.conftest import unchecked

PROVES = "that the real JupyterHub accepts our configuration, with PAM and TLS (it needs root; see CONTRIBUTING.md)"
NEEDED = ("useradd", "chpasswd", "passwd", "userdel", "setpriv", "openssl")
PRIVATE_KEY, PKCS12 = "PRIVATE KEY", "application/x-pkcs12"


def need_a_hub() -> None:
    """Say what could not be checked on a computer that cannot run a hub."""
    if os.geteuid() != 0:
        unchecked("root", PROVES)
    for program in NEEDED:
        if shutil.which(program) is None:
            unchecked(program, PROVES)
    python = str(VENV / "bin" / "python")
    plain = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", python, "-c", "import jupyterhub"]
    if not (VENV / "node_modules").exists() or subprocess.run(plain, capture_output=True, check=False).returncode:
        unchecked(f"{VENV.name}, in a place that every account of this computer may read", PROVES)


@pytest.fixture(scope="module")
def hub() -> Iterator[HubMachine]:
    """A hub that runs; it can be checked only by root, because accounts are added to this computer."""
    need_a_hub()
    folder = Path(tempfile.mkdtemp(prefix="dormouse-hub-"))
    folder.chmod(0o755)
    metadata = Metadata()
    with served(metadata) as port:
        machine = HubMachine(folder, metadata, port)
        try:
            machine.set_up()
            assert machine.check("login").startswith("waiting the hub is starting: nothing answers on port")
            machine.start()
            machine.settings(rstudio=False)  # until a test brings a stand-in for it
            yield machine
        finally:
            machine.clear()


@pytest.fixture(scope="module")
def at_work(hub: HubMachine) -> dict[str, int]:
    """The processes of a user who is logged in and has a kernel."""
    with hub.client() as client:
        return hub.open_kernel(client)


def test_a_password_of_any_characters_opens_the_hub_for_those_who_are_named(hub: HubMachine) -> None:
    answers = []
    for name in (hub.allowed, hub.other):
        with hub.client() as client:
            answers.append(hub.log_in(client, name, PASSWORD))
    assert [answer.status_code for answer in answers] == [302, 403]
    assert "jupyterhub-hub-login" in answers[0].cookies
    secure = [text for text in answers[0].headers.get_list("set-cookie") if text.startswith("jupyterhub-hub-login")]
    assert all("HttpOnly" in text and "Secure" in text for text in secure)


def test_without_tls_there_is_no_page(hub: HubMachine) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://127.0.0.1:{hub.ports[0]}/hub/login", trust_env=False)


def test_only_the_port_with_tls_is_open_to_others(hub: HubMachine) -> None:
    hub_port, proxy_port = (f":{port:04X}" for port in hub.ports[1:])
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines() if " 0A " in line]
    assert sorted(place for place in listening if place.endswith((hub_port, proxy_port))) == sorted(
        f"0100007F{port}" for port in (hub_port, proxy_port)
    )


def test_the_certificate_is_for_the_public_address_and_only_root_reads_its_key(hub: HubMachine) -> None:
    shown = run(
        "openssl", "x509", "-noout", "-fingerprint", "-sha256", "-ext", "subjectAltName", given=hub.served_certificate()
    )
    assert "IP Address:203.0.113.7" in shown
    fingerprint = re.search(r"Fingerprint=([0-9A-F:]+)", shown)
    assert fingerprint
    said = hub.check("certificate")
    assert said.startswith("passed self-signed certificate")
    assert said.endswith(f"SHA-256 {fingerprint[1].replace(':', '')}")
    assert (hub.tls / "key.pem").stat().st_mode & 0o077 == 0
    assert PRIVATE_KEY in (hub.tls / "key.pem").read_text()


def test_the_check_runs_a_cell_that_sees_the_gpus_and_locks_its_account_again(hub: HubMachine) -> None:
    text = "echo 'GPU 0: NVIDIA T4'; echo 'GPU 1: NVIDIA T4'"
    programs = [hub.program("nvidia-smi", text, folder) for folder in ("programs", "kernels/bin")]
    assert hub.check("login") == "passed a login started a server; its kernel runs cells and sees 2 GPUs"
    assert run("passwd", "--status", hub.check_account).split()[1] == "L"
    assert hub.processes_of(hub.check_account, "jupyterhub-singleuser") == []
    for program in programs:
        program.unlink()


def test_gpus_that_notebooks_cannot_see_are_reported() -> None:
    assert str(judged(0, 2)) == "failed no GPU in notebooks: 0 of 2 GPUs are visible in a kernel"
    assert str(judged(1, 1)).endswith("its kernel runs cells and sees 1 GPU")
    assert str(judged(0, 0)).endswith("its kernel runs cells")


def test_a_hub_that_allows_no_users_is_reported(hub: HubMachine) -> None:
    before = hub.settings(users=[])
    try:
        assert hub.check("login") == "failed no user is allowed to log in"
    finally:
        hub.settings(**before)


def test_a_notebook_works_in_the_home_of_the_account(hub: HubMachine, at_work: dict[str, int]) -> None:
    home = pwd.getpwnam(hub.allowed).pw_dir
    for pid in at_work.values():
        assert str(Path(f"/proc/{pid}/cwd").readlink()) == home
        assert f"HOME={home}" in Path(f"/proc/{pid}/environ").read_text().split("\0")


def test_a_certificate_that_ends_soon_is_renewed_and_the_hub_is_restarted(hub: HubMachine, at_work: dict[str, int]) -> None:
    old = made_by_hand(hub.tls, days=20)
    log = hub.folder / "systemctl.log"
    assert hub.check("certificate").startswith("waiting the hub serves an older certificate")
    assert hub.certificate("--restart") == "There is a new certificate."
    assert log.read_text() == "try-restart jupyterhub.service\n"
    assert hub.certificate("--restart") == "The certificate stays as it is.", "nothing restarts without need"
    assert log.read_text().count("\n") == 1
    assert (hub.tls / "certificate.pem").read_text() != old
    long = made_by_hand(hub.tls, days=40)
    assert hub.certificate("--restart") == "The certificate stays as it is."
    assert (hub.tls / "certificate.pem").read_text() == long
    assert hub.work_of(hub.allowed) == at_work


def test_a_restart_serves_the_new_certificate_and_keeps_servers_and_kernels(
    hub: HubMachine, at_work: dict[str, int]
) -> None:
    before = hub.served_certificate()
    hub.stop()
    assert hub.check("certificate").startswith("waiting the hub is starting")
    os.utime(hub.folder / "ready", (0, 0))
    said = hub.check("login")
    assert said.startswith(f"failed nothing answers on port {hub.ports[0]}"), "long after boot and setup it is broken"
    hub.start()
    assert hub.served_certificate().strip() == (hub.tls / "certificate.pem").read_text().strip() != before.strip()
    assert hub.work_of(hub.allowed) == at_work
    status = Path(f"/proc/{at_work['kernel']}/status").read_text()
    assert "NoNewPrivs:\t1" in status, "the spec does not allow sudo in notebooks"


def made_by_hand(tls: Path, *, days: int) -> str:
    """A certificate for the machine's address that is valid for so many days, in place of the present one."""
    names = "subjectAltName=IP:203.0.113.7,IP:127.0.0.1,DNS:localhost"
    place = ["-keyout", str(tls / "key.pem"), "-out", str(tls / "certificate.pem")]
    kind = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days), "-subj", "/CN=hub"]
    run("openssl", "req", *kind, "-addext", names, *place)
    return (tls / "certificate.pem").read_text()


def test_another_address_gets_another_certificate(hub: HubMachine) -> None:
    before = hub.served_certificate()
    hub.metadata.address = "198.51.100.20"
    try:
        assert hub.check("certificate") == "failed the certificate is not for this address: 198.51.100.20"
        assert hub.certificate() == "There is a new certificate."
        shown = run("openssl", "x509", "-noout", "-ext", "subjectAltName", given=(hub.tls / "certificate.pem").read_text())
        assert "IP Address:198.51.100.20" in shown
        assert (hub.tls / "certificate.pem").read_text() != before
    finally:
        hub.metadata.address = "203.0.113.7"


def certificate_of_contoso(folder: Path, kind: str) -> tuple[str, Path, Path]:
    """A certificate with its key as Key Vault keeps both, and the files of the key and the certificate."""
    key, made, archive = (folder / name for name in ("key", "certificate", "archive"))
    names = "subjectAltName=DNS:hub.contoso.com,IP:127.0.0.1"
    kind_of_key = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "90", "-subj", "/CN=hub", "-addext", names]
    run("openssl", "req", *kind_of_key, "-keyout", str(key), "-out", str(made))
    run("openssl", "pkcs12", "-export", "-inkey", str(key), "-in", str(made), "-out", str(archive), "-passout", "pass:")
    pkcs12 = kind == PKCS12
    return base64.b64encode(archive.read_bytes()).decode() if pkcs12 else key.read_text() + made.read_text(), key, made


def vault_of(hub: HubMachine) -> str:
    """The secret of a certificate."""
    return f"http://127.0.0.1:{hub.metadata_port}/secrets/hub"


@pytest.mark.parametrize("kind", [PKCS12, "application/x-pem-file"])
def test_a_certificate_of_key_vault_is_installed_with_its_key(hub: HubMachine, tmp_path: Path, kind: str) -> None:
    value, key, made = certificate_of_contoso(tmp_path, kind)
    tls = tmp_path / "tls"
    before = hub.settings(certificate=vault_of(hub), identity=hub.metadata.identity, tls=str(tls))
    try:
        hub.metadata.secret = {"contentType": kind}
        with pytest.raises(AssertionError, match="The certificate stays as it is: 'value'"):
            hub.certificate()
        hub.metadata.secret = {"value": value, "contentType": kind}
        assert hub.certificate() == "There is a new certificate."
        assert hub.certificate() == "The certificate stays as it is."
        hub.settings(identity="/another")
        with pytest.raises(AssertionError, match="answered 403"):
            hub.certificate()
    finally:
        hub.settings(**before)
    assert made.read_text().strip() in (tls / "certificate.pem").read_text()
    assert run("openssl", "pkey", "-pubout", "-in", str(tls / "key.pem")) == run(
        "openssl", "pkey", "-pubout", "-in", str(key)
    )
    assert (tls / "key.pem").stat().st_mode & 0o077 == 0


def test_a_certificate_of_key_vault_is_the_one_that_is_served(hub: HubMachine, tmp_path: Path) -> None:
    value, _, made = certificate_of_contoso(tmp_path, PKCS12)
    hub.metadata.secret = {"value": value, "contentType": PKCS12}
    before = hub.settings(certificate=vault_of(hub), identity=hub.metadata.identity)
    try:
        assert hub.certificate() == "There is a new certificate."
        hub.stop()
        hub.start()
        assert hub.served_certificate().strip() == made.read_text().strip()
        said = hub.check("certificate")
    finally:
        hub.settings(**before)
    assert said.startswith("passed certificate from Key Vault for hub.contoso.com, 127.0.0.1, valid until ")
