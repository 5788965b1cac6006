"""A password is in the key vault, in the machine, and nowhere else."""

import base64
import sqlite3
import time
from pathlib import Path

from local.sandbox import Ground
from tests.support import ControlPlane


def password_in_the_vault(ground: Ground, name: str) -> str:
    """The password itself, taken out of the simulated vault's own memory."""
    database = sqlite3.connect(ground.home / "azure.sqlite")
    query = "SELECT json_extract(document, '$.versions[0].value') FROM documents WHERE shelf = 'secrets' AND key LIKE ?"
    (row,) = database.execute(query, (f"dormouse-{name}-%",)).fetchall()
    database.close()
    return str(row[0])


def what_the_azure_side_remembers(ground: Ground) -> bytes:
    """Everything but the vault: resources, operations, and the tables of the records."""
    database = sqlite3.connect(ground.home / "azure.sqlite")
    rows = database.execute("SELECT document FROM documents WHERE shelf NOT IN ('secrets', 'deleted secrets')").fetchall()
    database.close()
    return "\n".join(row[0] for row in rows).encode()


def everything_written(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and "azure.sqlite" not in path.name}


def test_the_password_is_in_no_history_log_record_status_or_answer(
    control_plane: ControlPlane, ground: Ground, name: str
) -> None:
    accepted = control_plane.put(name)
    answers = [accepted.text]
    while (operation := control_plane.operation(accepted.json()["operation"]))["outcome"] is None:
        answers.append(str(operation))
        time.sleep(0.1)
    assert operation["outcome"] == "succeeded"
    control_plane.follow(control_plane.post(name, "stop"))
    paths = (f"/environments/{name}", "/environments", "/operations", f"/environments/{name}/password")
    answers.extend(control_plane.client.get(path).text for path in paths)

    password = password_in_the_vault(ground, name)
    assert len(password) >= 20
    written = everything_written(ground.home)
    assert any(path.endswith(("host.sqlite-wal", "host.sqlite")) for path in written)
    places = {**written, "answers": "\n".join(answers).encode(), "azure": what_the_azure_side_remembers(ground)}
    for secret in (password.encode(), base64.b64encode(password.encode()).rstrip(b"=")):
        found = [place for place, content in places.items() if secret in content]
        assert found == []


def test_the_search_would_find_a_password_that_is_there(ground: Ground, control_plane: ControlPlane, name: str) -> None:
    """The history does hold the secret's name: the search looks where it says it looks."""
    control_plane.up(name)
    needle = f"dormouse-{name}-".encode()
    assert any(needle in content for path, content in everything_written(ground.home).items() if "host.sqlite" in path)


def test_no_token_and_no_key_is_logged(ground: Ground, control_plane: ControlPlane) -> None:
    control_plane.client.get("/environments")
    log = (ground.home / "host.log").read_bytes()
    assert ground.key.encode() not in log
    assert b"Bearer ey" not in log
