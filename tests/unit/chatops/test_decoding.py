"""Texts of chats: decoded once, as each chat encodes them, whatever people and editors put around the words."""

import html
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.chatops.decoding import slack_text, teams_text
from dormouse.chatops.parser import Command, Word, read_command

ML1 = Command(Word.STATUS, "ml1")


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("up chat1 python_packages=numpy&gt;=1.24,torch", "up chat1 python_packages=numpy>=1.24,torch"),
        ("x=numpy&lt;2&amp;y", "x=numpy<2&y"),
        ("&amp;gt; &amp;amp; &quot; &#39; &nbsp;", "&gt; &amp; &quot; &#39; &nbsp;"),
        ("status <@U1|bob>", "status bob"),
        ("status <@U1>", "status U1"),
        ("status <http://ml1|ml1>", "status ml1"),
        ("open <https://x.example/a?b=1&amp;c=2>", "open https://x.example/a?b=1&c=2"),
        ("owner=<mailto:bob@x.example|bob@x.example>", "owner=bob@x.example"),
        ("<#C1|general> <!subteam^S1|@ops> <!here>", "general ops here"),
        ("a <http://x|1 &lt; 2> b", "a 1 < 2 b"),
        ("1 < 2 > 0 <> <|x>", "1  2  0 <> <|x>"),
    ],
)
def test_slack_is_decoded_once(sent: str, said: str) -> None:
    assert slack_text(sent) == said


@given(st.text(max_size=60))
def test_whatever_people_write_in_slack_arrives_as_they_wrote_it(text: str) -> None:
    assert slack_text(html.escape(text, quote=False)) == text


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=60))
def test_whatever_people_write_in_teams_arrives_as_they_wrote_it(text: str) -> None:
    assert teams_text(f"<p><at>Dormouse</at>&nbsp;{html.escape(text)}</p>") == text


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("<at>Dormouse</at>&nbsp;status ml1\n", "status ml1"),
        ('<p><AT id="0">Dor mouse</AT> status</p><p>ml<b>1</b></p>', "status ml1"),
        ("status<br/>ml1", "status ml1"),
        ("numpy&lt;2,torch&gt;=2", "numpy<2,torch>=2"),
        ("x numpy<2,torch>1", "x numpy<2,torch>1"),
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
        ("a <3 b", "a <3 b"),
    ],
)
def test_teams_is_html(sent: str, said: str) -> None:
    assert teams_text(sent) == said


@pytest.mark.parametrize(
    "said",
    [
        "status *ml1*",
        "status `ml1`",
        "`status ml1`",
        "*status* _ml1_",
        "status **ml1**",
        "status ```ml1```",
        "status 'ml1'",
        'status "ml1"',
        "status “ml1”",
        "status \u2018ml1\u2019",
        "status «ml1»",
        "status ~ml1~",
        "status \u200bml1",
        "status \u202aml1\u202c",
        "\u200estatus\u2060 ml1\ufeff",
        "\ufeff`status` m\u00adl1",
        "status *ml1",
    ],
)
def test_decoration_is_no_part_of_a_name(said: str) -> None:
    assert read_command(said) == ML1


def test_what_is_no_decoration_stays() -> None:
    wanted = {"python_packages": "numpy==1.*", "container": "my_data"}
    assert read_command("up ml1 python_packages=numpy==1.* container=my_data").body == wanted
    assert read_command("hold ml1 2h Bob's run, 'big' <b>").body == {"for": "2h", "reason": "Bob's run, big <b>"}


@pytest.mark.parametrize("decode", [slack_text, teams_text])
@pytest.mark.parametrize("sign", ["<", "<a", "<at>", "<at ", "<|", "<a|", "&", "&lt;", "<!", "</", "<a "])
def test_the_work_grows_with_the_text_and_not_with_its_square(decode: Callable[[str], str], sign: str) -> None:
    def work(length: int) -> float:
        text = (sign * length)[:length]
        return min(_seconds(decode, text) for _ in range(2))

    # Sixteen times the text is sixteen times the work; where the work grows with the square, it is 256 times.
    assert work(128_000) < 128 * max(work(8_000), 1e-4)


def _seconds(decode: Callable[[str], str], text: str) -> float:
    began = time.process_time()
    decode(text)
    return time.process_time() - began
