"""The wheel: one package with one command, which contains nothing of the control plane."""

import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.cli.support import Command
from tests.repository.test_import_map import ALLOWED, imports, modules, under
from tests.support import ROOT

CLI = ROOT / "cli" / "dormouse_cli"


def test_the_wheel_contains_one_package_and_one_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as content:
        names = content.namelist()
        (commands,) = (content.read(name).decode() for name in names if name.endswith("entry_points.txt"))
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"dormouse_cli", f"dormouse_cli-{wheel.name.split('-')[1]}.dist-info"}
    assert commands.split() == ["[console_scripts]", "dormouse=dormouse_cli.main:main"]
    packed = {name for name in names if name.startswith("dormouse_cli/")}
    assert packed == {f"dormouse_cli/{path.relative_to(CLI).as_posix()}" for path in CLI.rglob("*.py")}


def test_the_cli_imports_no_module_of_the_app_and_azure_only_on_use() -> None:
    for path in sorted(CLI.rglob("*.py")):
        for module, at_import in imports(path):
            assert not under(module, (*ALLOWED, "tests", "benchmarks")), f"{path.name} imports {module}"
            assert not (at_import and under(module, ("azure",))), f"{path.name} imports {module} at import"


def test_the_app_does_not_import_the_cli() -> None:
    for room in ALLOWED:
        for path in modules(room):
            assert "dormouse_cli" not in path.read_text(), f"{path.relative_to(ROOT)} imports the CLI"


@pytest.mark.parametrize(
    ("shell", "script"),
    [
        (r"C:\Program Files\Git\usr\bin\bash.exe", "complete -o default"),
        ("C:/msys64/usr/bin/ZSH.EXE", "#compdef dormouse"),
        ("-bash", "complete -o default"),
        ("/bin/zsh-5.9", "#compdef dormouse"),
        ("/usr/bin/fish/", "complete --command dormouse"),
        ("pwsh", "Register-ArgumentCompleter"),
        ("/snap/bin/pwsh-preview", "Register-ArgumentCompleter"),
        (r'"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"', "Register-ArgumentCompleter"),
        ("", "complete -o default"),
        (" ", "complete -o default"),
    ],
)
def test_completion_finds_the_shell_in_any_path(logged_out: Command, shell: str, script: str) -> None:
    result = logged_out("completion", SHELL=shell)
    assert (result.code, script in result.out) == (0, True), result
    assert shell.strip() == "" or logged_out("completion", "--", shell).out == result.out


@pytest.mark.parametrize("shell", ["/bin/sh", r"C:\Windows\System32\cmd.exe", "/usr/bin/nu", "-"])
def test_completion_names_a_shell_that_is_not_supported(logged_out: Command, shell: str) -> None:
    result = logged_out("completion", SHELL=shell)
    assert (result.code, "supported are bash, zsh, fish" in result.err, "Name one:" in result.err) == (2, True, True), result


def test_azure_is_an_extra() -> None:
    project = tomllib.loads((ROOT / "cli" / "pyproject.toml").read_text())["project"]
    assert not [needed for needed in project["dependencies"] if "azure" in needed]
    assert {needed.partition(">")[0] for needed in project["optional-dependencies"]["entra"]} == {
        "azure-identity",
        "azure-keyvault-secrets",
    }


def test_every_command_and_exit_code_is_documented(logged_out: Command) -> None:
    documented = (ROOT / "docs" / "cli.md").read_text()
    listed = logged_out("--help")
    commands = [line.split()[1] for line in listed.out.splitlines() if line.startswith("│ ") and line[2].isalpha()]
    assert len(commands) == 36
    assert [name for name in commands if f"dormouse {name}" not in documented] == []
    assert "130 interrupted" in listed.words.replace("│", "")
    for code in ("0", "1", "2", "3", "4", "5", "6", "70", "74", "130"):
        assert f"| {code} |" in documented


def test_bash_completion_completes_commands(logged_out: Command, tmp_path: Path) -> None:
    script = logged_out("completion", "bash")
    assert (script.code, script.err) == (0, "")
    assert "_DORMOUSE_COMPLETE=complete_bash" in script.out
    assert "complete -o default -F _dormouse_completion dormouse" in script.out
    completed = logged_out(_DORMOUSE_COMPLETE="complete_bash", COMP_WORDS="dormouse st", COMP_CWORD="1")
    assert completed.out.split() == ["start", "stop"]
