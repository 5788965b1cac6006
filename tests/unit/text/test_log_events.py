"""Events in the log: one line of JSON that queries can parse."""

import json

from dormouse.text.log_events import log_event


def test_an_event_is_one_line_of_json_that_begins_with_its_name() -> None:
    line = log_event("sweep ended", sweep="sweep-1", problems=("a\nb", 'say "no"'), verdicts={"idle": 2})
    assert line.startswith('{"event": "sweep ended"')
    assert "\n" not in line
    assert json.loads(line)["problems"] == ["a\nb", 'say "no"']
