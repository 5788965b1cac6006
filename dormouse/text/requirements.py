"""Requirements of Python packages, as lines of a requirements.txt have them; no URLs, paths or options.

https://packaging.python.org/en/latest/specifications/dependency-specifiers/
"""

import re
from dataclasses import dataclass

LONGEST = 200  # characters
EXAMPLE, MARKER_EXAMPLE = "numpy>=1.24,<2.0", "python_version < '3.13'"
NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
LINE = re.compile(rf"(?P<name>{NAME})\s*(?:\[(?P<extras>[^\[\]]*)\])?(?P<versions>[^;]*)(?:;(?P<marker>.*))?", re.ASCII)
SUFFIX = (
    r"(?:[-_.]?(?:alpha|a|beta|b|preview|pre|c|rc)[-_.]?\d*)?(?:-\d+|[-_.]?(?:post|rev|r)[-_.]?\d*)?(?:[-_.]?dev[-_.]?\d*)?"
)
CONDITION = re.compile(
    r"(?P<operator>===|==|!=|~=|>=|<=|>|<)\s*(?P<version>v?(?:\d+!)?\d+(?P<more>(?:\.\d+)*)"
    rf"(?:(?P<any>\.\*)|{SUFFIX}(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?))",
    re.ASCII | re.IGNORECASE,
)
VARIABLES = (
    r"python_version|python_full_version|os_name|sys_platform|platform_release|platform_system|platform_version|"
    r"platform_machine|platform_python_implementation|implementation_name|implementation_version|extra"
)
# Quoted texts have no sign that a shell or a Python string would interpret.
TOKEN = re.compile(
    rf"\s*(?:(?P<operand>(?:{VARIABLES})\b|'[\w .,+*:/-]*'|\"[\w .,+*:/-]*\")"
    r"|(?P<comparison>===|==|!=|~=|>=|<=|>|<|not\s+in\b|in\b)|(?P<joint>(?:and|or)\b)|(?P<open>\()|(?P<close>\)))\s*",
    re.ASCII,
)
COMMENT = re.compile(r"(?:^|\s)#.*")
ELSEWHERE = re.compile(r"://|\s@|@\s|^[./~\\]|\.(?:whl|zip|tar\.gz)$")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A package: its name as written, the text that pip takes, and its local version ("+cu121" without the sign, or "").

    `exact` if only one version fulfils its conditions.
    """

    name: str
    text: str
    local: str = ""
    exact: bool = False

    @property
    def project(self) -> str:
        """The name as PyPI compares names (PEP 503)."""
        return re.sub(r"[-_.]+", "-", self.name).lower()


def read_requirement(line: str) -> Requirement:
    """The package in one line, without the comment; raises ValueError with a sentence."""
    if len(line) > LONGEST:
        raise ValueError(f"must have at most {LONGEST} characters, like {EXAMPLE}")
    text = COMMENT.sub("", line).strip()
    found = LINE.fullmatch(text)
    if not text or text.startswith("-"):
        raise ValueError(f"{line!r} is not a package, such as {EXAMPLE}; options of pip are not supported")
    if ELSEWHERE.search(text):
        raise ValueError(f"{text!r} is a URL or path, but packages come from an index; write a name, such as {EXAMPLE}")
    if not found:
        raise ValueError(f"{text!r} is not a package, such as {EXAMPLE} or uvicorn[standard]")
    extras = ",".join(_extra(part, text) for part in found["extras"].split(",")) if found["extras"] else ""
    conditions, local = _versions(found["versions"].strip(), found["name"])
    marker = f"; {_marker(found['marker'])}" if found["marker"] is not None else ""
    exact = any(each.startswith("==") and not each.endswith("*") for each in conditions)
    text = found["name"] + (extras and f"[{extras}]") + ",".join(conditions) + marker
    return Requirement(found["name"], text, local, exact)


def _extra(part: str, text: str) -> str:
    extra = part.strip()
    if not re.fullmatch(NAME, extra, re.ASCII):
        raise ValueError(f"{text!r} has an invalid extra {extra!r}; write it like uvicorn[standard]")
    return extra


def _versions(text: str, name: str) -> tuple[list[str], str]:
    """The version conditions without spaces, and the local version that one of them demands, or ""."""
    inner = text[1:-1].strip() if text.startswith("(") and text.endswith(")") else text
    conditions, local = list[str](), ""
    for part in inner.removesuffix(",").split(",") if inner else ():
        found = CONDITION.fullmatch(part.strip())
        if not found:
            raise ValueError(f"{part.strip()!r} is not a version condition for {name}; write it like {EXAMPLE}")
        operator, label = found["operator"], found["local"] or ""
        if (found["any"] or label) and operator not in ("==", "!=", "==="):
            unusual = found["any"] or f"+{label}"
            raise ValueError(f"{part.strip()!r}: {operator} cannot be combined with {unusual!r}; use == or !=")
        if operator == "~=" and not found["more"]:
            raise ValueError(f"{part.strip()!r}: ~= takes a version of at least two numbers, such as ~=1.24")
        conditions.append(operator + found["version"])
        local = label if operator in ("==", "===") and label else local
    return conditions, local.lower()


def _marker(text: str) -> str:
    """A marker with single spaces and double quotes; raises ValueError."""
    tokens, at = list[tuple[str, str]](), 0
    while at < len(text.rstrip()):
        found = TOKEN.match(text, at)
        if not found:
            break
        tokens.append((str(found.lastgroup), " ".join(found[0].split()).replace("'", '"')))
        at = found.end()
    if at < len(text.rstrip()) or not tokens or _clauses([kind for kind, _ in tokens], 0) != len(tokens):
        raise ValueError(f"the marker {text.strip()!r} cannot be parsed; write one like {MARKER_EXAMPLE}")
    return " ".join(word for _, word in tokens).replace("( ", "(").replace(" )", ")")


def _clauses(kinds: list[str], at: int) -> int:
    """Where the clauses end that begin at a token, joined by `and` or `or`; -1 if there are none."""
    while True:
        if kinds[at : at + 3] == ["operand", "comparison", "operand"]:
            at += 3
        elif kinds[at : at + 1] == ["open"]:
            at = _clauses(kinds, at + 1)
            if at < 0 or kinds[at : at + 1] != ["close"]:
                return -1
            at += 1
        else:
            return -1
        if kinds[at : at + 1] != ["joint"]:
            return at
        at += 1
