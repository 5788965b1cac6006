"""Lines of a requirements.txt: what is accepted means the same to pip, and cannot carry a command."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from dormouse.text.requirements import read_requirement


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("numpy>=1.24,<2.0", "numpy>=1.24,<2.0"),
        ("jupyterlab >= 4", "jupyterlab>=4"),
        ("tensorflow; python_version<'3.12'", 'tensorflow; python_version < "3.12"'),
        ("torch==2.3.0+cu121", "torch==2.3.0+cu121"),
        ("uvicorn [standard, extra] ~= 0.30", "uvicorn[standard,extra]~=0.30"),
        ("numpy (>=1.2, <2)", "numpy>=1.2,<2"),
        ("numpy>=1.2,", "numpy>=1.2"),
        ("x==1.*, !=1.5.*", "x==1.*,!=1.5.*"),
        ("x ===1.0", "x===1.0"),
        ("x==1!2.0rc1.post2.dev3", "x==1!2.0rc1.post2.dev3"),
        ("x>=2.0b1-1", "x>=2.0b1-1"),
        ("numpy==1.26.4  # via -r in.txt", "numpy==1.26.4"),
        ("a ; (os_name == 'posix' and '3.1' in python_version) or extra==\"x\"",
         'a; (os_name == "posix" and "3.1" in python_version) or extra == "x"'),
        ("x; python_version in '3.10,3.11'", 'x; python_version in "3.10,3.11"'),
        ("x; platform_machine not  in 'arm64 x86'", 'x; platform_machine not in "arm64 x86"'),
    ],
)  # fmt: skip
def test_a_line_of_a_requirements_file_is_read(line: str, text: str) -> None:
    assert read_requirement(line).text == text
    ours, theirs = Requirement(text), Requirement(line.partition("  #")[0])
    assert (ours.name, ours.extras, ours.specifier, str(ours.marker)) == (
        theirs.name,
        theirs.extras,
        theirs.specifier,
        str(theirs.marker),
    )
    assert read_requirement(text).text == text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "is not a package"),
        ("# only a comment", "is not a package"),
        ("-r base.txt", "options of pip are not supported"),
        ("--hash=sha256:0", "options of pip are not supported"),
        ("torch; rm -rf /", "the marker 'rm -rf /' cannot be parsed"),
        ("$(id)", "is not a package"),
        ("`id`", "is not a package"),
        ("numpy && id", "is not a version condition"),
        ("numpy\nid", "is not a version condition"),
        ("x'y", "is not a version condition"),
        ("a b", "'b' is not a version condition for a"),
        ("numpy=1.2", "'=1.2' is not a version condition for numpy"),
        ("numpy==", "is not a version condition"),
        ("numpy>1,,<2", "is not a version condition"),
        ("numpy==abc", "is not a version condition"),
        ("numpy==1.0; os_name == '$(id)'", "cannot be parsed"),
        ("numpy; os_name == 'a\\'b'", "cannot be parsed"),
        ("numpy; os_name", "cannot be parsed"),
        ("numpy; (os_name == 'x'", "cannot be parsed"),
        ("numpy; colour == 'x'", "cannot be parsed"),
        ("numpy;", "cannot be parsed"),
        ("numpy[a;b]", "has an invalid extra"),
        ("numpy[$x]", "has an invalid extra"),
        ("numpy>=1.*", "use == or !="),
        ("numpy>=1.0+cu121", "use == or !="),
        ("numpy~=1", "at least two numbers"),
        ("numpy @ https://x.example/n.whl", "is a URL or path"),
        ("https://x.example/n.whl", "is a URL or path"),
        ("./numpy", "is a URL or path"),
        ("numpy.whl", "is a URL or path"),
    ],
)
def test_another_line_is_refused_with_a_sentence(line: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as refused:
        read_requirement(line)
    assert words in str(refused.value)


@given(st.text(alphabet="ab1._-[]()<>=!~;,'\"+*# \t\n$`\\@:/" + "é", max_size=30))
def test_what_is_accepted_is_a_requirement_and_one_word_of_a_shell(line: str) -> None:
    try:
        text = read_requirement(line).text
    except ValueError:
        return
    Requirement(text)
    assert not set("\n\t$`\\|&'") & set(text)
    assert shlex.split(shlex.quote(text)) == [text]
