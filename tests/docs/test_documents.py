"""Every block, link, command and name in the documents is checked, and the checks notice what is broken."""

import json
import re
from collections import Counter
from dataclasses import fields
from pathlib import Path

import pytest

from dormouse.settings import Settings
from tests.docs import kql
from tests.docs.azure_cli import commands
from tests.docs.check import CHECKERS, check
from tests.docs.documents import GUIDES, LINKED, read
from tests.docs.events import events
from tests.docs.references import link_faults
from tests.infra import bicep
from tests.support import ROOT

BROKEN = Path(__file__).with_name("broken.md")
DEFECTS = (
    "unknown block: no checker for the language ''",
    "unknown block: no checker for the language 'cobol'",
    "a command in a block of text: $ dormouse ls",
    "No such option: --sideways",
    "No such option: --colour",
    "the Makefile has no variable ESTATES",
    "examples/no-such-estate.yaml does not exist",
    "the API has no path environmental",
    "`az group delete` has no option --everything",
    "`az group delete` requires --name",
    "`azd destroy` is not a command of azd",
    "`func begin` is not a command of Core Tools",
    "frobnicate is not a program",
    "there is no module local.nothing",
    "examples/no-such-script.sh does not exist",
    "the shell would not understand it",
    "no line begins with `$ `",
    "it is no JSON",
    "it is no spec: /colour",
    "it is no spec: /on_evictions",
    "it is neither a spec, nor a request or response",
    "the event 'sweep ended' has no field colour",
    "it is no YAML",
    "it is no spec: /idle",
    "${nowhere} is unknown; known are: stage, shared",
    "'colour' was unexpected",
    "it is no pipeline",
    "infra/main.bicep has no parameter colour",
    "it is no parameter file",
    "there is no table 'AppTrace'",
    "Kusto has no operator `summarise",
    "there is no column Massage",
    "the app logs no event 'sweep started'",
    "the event has no field colour",
    "dormouse has no command fly",
    "dormouse ls has no option --upwards",
    "the Makefile has no target tea",
    "infra/roles.toml does not exist",
    "the API has no route /api/unicorns",
    "IDLE_POLICIES is no setting",
    "az has no command `group destroy",
    "the link #no-such-heading leads to no heading",
    "the link ../../docs/no-such-page.md leads to no file",
    "the link picture.png leads to no file",
    "the link http://example.com is not HTTPS",
)


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_document_says_nothing_that_is_not_so(path: Path) -> None:
    findings = [str(finding) for finding in check(read(path)).findings]
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize("path", LINKED, ids=lambda path: path.name)
def test_links_of_the_other_documents_lead_somewhere(path: Path) -> None:
    assert list(link_faults(read(path))) == []


def test_a_broken_document_is_noticed_defect_by_defect() -> None:
    findings = [finding.detail for finding in check(read(BROKEN)).findings]
    assert len(findings) == len(DEFECTS), findings
    for finding, defect in zip(findings, DEFECTS, strict=True):
        assert defect in finding


def test_nothing_of_the_documents_is_left_out() -> None:
    seen = sum((check(read(path)).seen for path in GUIDES), Counter[str]())
    fences = sum(len(re.findall(r"^ *```", path.read_text(), re.MULTILINE)) for path in GUIDES)
    assert sum(seen[language] for language in CHECKERS) == fences / 2
    for kind, least in (("sh", 20), ("console", 12), ("json", 4), ("yaml", 3), ("kql", 6), ("text", 6), ("links", 100)):
        assert seen[kind] >= least, (kind, seen[kind])
    assert seen["code in sentences"] > 1_500
    assert len(commands()) > 800
    assert len(events()) == 5


def test_every_page_is_linked_from_the_readme() -> None:
    readme = ROOT / "README.md"
    linked = {(readme.parent / link.target.partition("#")[0]).resolve() for link in read(readme).links}
    assert {path for path in GUIDES if path.parent.name == "docs"} <= linked


def test_the_guide_for_operations_knows_every_event_and_every_alert() -> None:
    page = ROOT / "docs" / "operations.md"
    rows = re.findall(r"^\| `([a-z ]+)` \| (`.+`) \|$", page.read_text(), re.MULTILINE)
    assert {event: set(re.findall(r"`(\w+)`", cells)) for event, cells in rows} == events()
    rules = bicep.read(ROOT / "infra" / "modules" / "monitoring.bicep").of("variable")["rules"].value
    alerts = {f"dormouse-{rule['name']}" for rule in rules}
    assert {anchor for anchor in read(page).anchors if anchor.startswith("dormouse-")} == alerts


def test_the_queries_of_alerts_and_workbook_pass_the_same_check() -> None:
    rules = bicep.read(ROOT / "infra" / "modules" / "monitoring.bicep").of("variable")["rules"].value
    items = json.loads((ROOT / "infra" / "workbook.json").read_text())["items"]
    queries = [rule["query"] for rule in rules] + [item["content"]["query"] for item in items]
    assert len(queries) == 6
    assert [fault for query in queries for fault in kql.faults_of(query)] == []


def test_every_setting_is_documented_with_its_default() -> None:
    rows = re.findall(
        r"^\| `([A-Z_]+)` \| (?:`([^`]*)`|(\S*)) \|", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE
    )
    assert [name for name, *_ in rows] == [field.name.upper() for field in fields(Settings)]
    guid, https = "00000000-0000-4000-8000-000000000000", "https://x.example.com"
    required = {"AZURE_SUBSCRIPTION_ID": guid, "KEY_VAULT_URL": https, "RECORDS_TABLES_URL": https}
    plain = Settings.from_environment(required)
    for (name, default, word), field in zip(rows, fields(Settings), strict=True):
        assert (word == "required") == (name in required), name
        if word == "none":
            assert not getattr(plain, field.name), f"{name} has a default"
        elif not word:
            given = Settings.from_environment({**required, name: default})
            assert getattr(given, field.name) == getattr(plain, field.name), f"{name} has another default"
