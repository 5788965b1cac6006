"""The embedded host writes a line per execution if it is asked to: benchmarks count what Azure would bill."""

import json
from collections import Counter
from pathlib import Path

from local.host.functions.executions import FILE
from tests.host.conftest import running
from tests.host.support import APP


def test_every_execution_is_a_line_with_its_seconds_and_its_logs(tmp_path: Path) -> None:
    path = tmp_path / "executions"
    with running(tmp_path, APP, **{FILE: str(path)}) as host:
        assert host.result("chain") == 13
        assert host.ask("GET", "/api/open", key=None).text == "come in"
        assert host.ask("POST", "/api/echo", key=None, content=b"hello").status_code == 200
        lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert all(0 <= line["seconds"] < 30 and line["began"] > 1.7e9 for line in lines)
    kinds = Counter((line["function"], line["kind"]) for line in lines)
    assert kinds["open_to_all", "httptrigger"] == 1
    assert kinds["start", "httptrigger"] == 1
    assert kinds["add", "activitytrigger"] == 2
    assert kinds["chain", "orchestrationtrigger"] == 3, "one more: its activities run one after the other"
    logged = {line["function"]: (line["log_lines"], line["log_bytes"]) for line in lines}
    assert logged["echo"] == (1, len("echoed"))
    assert logged["open_to_all"] == (0, 0)
