"""A password is in the key vault and in the machine, and nowhere else."""

import base64
import json
import sqlite3
import time
from pathlib import Path

from local.sandbox import Ground
from tests.support import ControlPlane


def passwords_in_the_vault(ground: Ground, name: str) -> list[str]:
    """The passwords themselves, oldest first, from the state of the simulated vault."""
    database = sqlite3.connect(ground.home / "azure.sqlite")
    query = "SELECT json_extract(document, '$.versions') FROM documents WHERE shelf = 'secrets' AND key LIKE ?"
    (row,) = database.execute(query, (f"dormouse-{name}-%",)).fetchall()
    database.close()
    return [str(version["value"]) for version in json.loads(row[0])]


def what_the_azure_side_remembers(ground: Ground) -> bytes:
    """Everything but the vault: resources, operations, and the record tables."""
    database = sqlite3.connect(ground.home / "azure.sqlite")
    rows = database.execute("SELECT document FROM documents WHERE shelf NOT IN ('secrets', 'deleted secrets')").fetchall()
    database.close()
    return "\n".join(row[0] for row in rows).encode()


def everything_written(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and "azure.sqlite" not in path.name}


def test_the_password_is_in_no_history_log_record_status_or_response(
    control_plane: ControlPlane, ground: Ground, name: str
) -> None:
    answers: list[str] = []
    for verb in ("provision", "rotate-password", "stop"):
        accepted = control_plane.put(name) if verb == "provision" else control_plane.post(name, verb)
        answers.append(accepted.text)
        while (operation := control_plane.operation(accepted.json()["operation"]))["outcome"] is None:
            answers.append(str(operation))
            time.sleep(0.1)
        assert operation["outcome"] == "succeeded", operation["reason"]
        answers.append(str(operation))
    paths = (f"/environments/{name}", "/environments", "/operations", f"/environments/{name}/password")
    answers.extend(control_plane.client.get(path).text for path in paths)

    passwords = passwords_in_the_vault(ground, name)
    assert [len(password) for password in passwords] == [24, 24]
    written = everything_written(ground.home)
    assert any(path.endswith(("host.sqlite-wal", "host.sqlite")) for path in written)
    places = {**written, "answers": "\n".join(answers).encode(), "azure": what_the_azure_side_remembers(ground)}
    for password in passwords:
        for secret in (password.encode(), base64.b64encode(password.encode()).rstrip(b"=")):
            found = [place for place, content in places.items() if secret in content]
            assert found == []


def test_the_search_finds_a_known_text_in_the_history(ground: Ground, control_plane: ControlPlane, name: str) -> None:
    """The history contains the secret's name: the search looks where it claims to look."""
    control_plane.up(name)
    needle = f"dormouse-{name}-".encode()
    assert any(needle in content for path, content in everything_written(ground.home).items() if "host.sqlite" in path)


def test_no_token_and_no_key_is_logged(ground: Ground, control_plane: ControlPlane) -> None:
    control_plane.client.get("/environments")
    log = (ground.home / "host.log").read_bytes()
    assert ground.key.encode() not in log
    assert b"Bearer ey" not in log
