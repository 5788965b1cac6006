"""Chat texts: decoded once, as each chat encodes them, with any formatting around the words removed."""

import html
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dormouse.chatops.decoding import slack_text, teams_text
from dormouse.chatops.parser import Command, MisunderstoodError, read_command
from dormouse.chatops.vocabulary import Word

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
def test_slack_texts_are_decoded_once(sent: str, said: str) -> None:
    assert slack_text(sent) == said


@given(st.text(max_size=60))
def test_any_text_escaped_for_slack_is_decoded_unchanged(text: str) -> None:
    assert slack_text(html.escape(text, quote=False)) == text


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=60))
def test_any_text_escaped_for_teams_is_decoded_unchanged(text: str) -> None:
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
        ("<at>Dor <b>mouse</b></at> status ml1", "status ml1"),
        ("<at>status</b> <i>ml1</i>", "status ml1"),
        ("a <3 b", "a <3 b"),
    ],
)
def test_teams_html_is_decoded(sent: str, said: str) -> None:
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
        "status ml1.",
        "status: ml1,",
        "status (ml1)",
        "status <ml1>",
        "status @ml1",
        "status \u2019ml1\u2019",
        'status “ml1"',
        "status\u00a0ml1",
        "status\u3000ml1",
        "\uff53\uff54\uff41\uff54\uff55\uff53 \uff4d\uff4c\uff11",
        "```\nstatus ml1\n```",
        "*`status ml1`*",
    ],
)
def test_formatting_is_removed_from_names(said: str) -> None:
    assert read_command(said) == ML1


@pytest.mark.parametrize("said", ["stop ml1?", "stop ../ml1", "stop ml1/", "stop ml1 now"])
def test_questions_and_other_texts_are_not_taken_for_formatting(said: str) -> None:
    with pytest.raises(MisunderstoodError):
        read_command(said)


def test_formatting_is_removed_from_values_durations_and_reasons() -> None:
    wanted = {"size": "Standard_D4s_v5", "owner": "bob"}
    assert read_command("up ml1 size=`Standard_D4s_v5` owner=“bob”").body == wanted
    assert read_command("hold ml1 *2 hours* “big run”").body == {"for": "2h", "reason": "big run"}


def test_characters_that_are_not_formatting_are_kept() -> None:
    wanted = {"python_packages": "numpy==1.*", "container": "my_data"}
    assert read_command("up ml1 python_packages=numpy==1.* container=my_data").body == wanted
    assert read_command("hold ml1 2h Bob's run, 'big' <b>").body == {"for": "2h", "reason": "Bob's run, big <b>"}


@pytest.mark.parametrize("decode", [slack_text, teams_text])
@pytest.mark.parametrize("sign", ["<", "<a", "<at>", "<at ", "<|", "<a|", "&", "&lt;", "<!", "</", "<a "])
def test_decoding_time_is_linear_in_the_length(decode: Callable[[str], str], sign: str) -> None:
    def work(length: int) -> float:
        text = (sign * length)[:length]
        return min(_seconds(decode, text) for _ in range(2))

    # Sixteen times the text takes sixteen times as long; quadratic work would take 256 times as long.
    assert work(128_000) < 128 * max(work(8_000), 1e-4)


def _seconds(decode: Callable[[str], str], text: str) -> float:
    began = time.process_time()
    decode(text)
    return time.process_time() - began
