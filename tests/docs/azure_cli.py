"""`.venv-azure-cli/bin/python -m tests.docs.azure_cli`: write the commands and options of Azure CLI to azure_cli.txt.

The documents are compared with that file, so that their check needs no Azure CLI.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("azure_cli.txt")
GLOBAL = {"--debug", "--help", "-h", "--only-show-errors", "--output", "-o", "--query", "--subscription", "--verbose"}
# The groups of commands that the documents of such a project may need.
KEPT = (
    *("account", "appservice plan", "bicep", "cloud", "consumption budget", "deployment", "disk", "extension", "feature"),
    *("functionapp config", "functionapp cors", "functionapp deployment source", "functionapp function", "functionapp keys"),
    *("functionapp identity", "functionapp log", "functionapp scale", "group", "identity", "keyvault", "lock", "login"),
    *("logout", "monitor action-group", "monitor activity-log", "monitor diagnostic-settings", "monitor metrics list"),
    *("network nsg", "network private-endpoint", "network vnet", "provider", "resource", "rest", "role", "snapshot"),
    *("stack sub", "storage account", "storage blob", "storage container", "storage entity", "storage table", "tag"),
    *("ad app", "ad signed-in-user", "ad sp", "version", "vm", "webapp log"),
)
SINGLE = (
    *("create", "delete", "list", "list-flexconsumption-locations", "list-flexconsumption-runtimes"),
    *("restart", "show", "start", "stop", "update"),
)
INTERNAL = {"--cmd", "--change-reference", "--acquire-policy-token", "--subscription"}


@cache
def commands() -> dict[str, list[tuple[bool, list[str]]]]:
    """Every known command with its options: whether each is required, and its spellings."""
    found = {}
    for line in FILE.read_text().splitlines()[1:]:
        name, _, options = line.partition(":")
        found[name] = [(word.startswith("!"), word.lstrip("!").split("|")) for word in options.split()]
    return found


def faults_of(arguments: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with the arguments of `az`."""
    words = [word for word in arguments if word != "…"]
    length = next((n for n in range(len(words), 0, -1) if " ".join(words[:n]) in commands()), 0)
    if not length:
        yield f"az has no command `{' '.join(words)}` that azure_cli.txt knows"
        return
    name, given = " ".join(words[:length]), {word.partition("=")[0] for word in words[length:] if word.startswith("-")}
    options = commands()[name]
    known = GLOBAL | {spelling for _, spellings in options for spelling in spellings}
    yield from (f"`az {name}` has no option {option}" for option in sorted(given - known))
    if "…" not in arguments:
        for required, spellings in options:
            if required and not given & set(spellings) and any(one.startswith("-") for one in spellings):
                yield f"`az {name}` requires {spellings[0]}"


def main() -> None:
    """Read the command table of the installed Azure CLI, and write the file."""
    from azure.cli.core import __version__, get_default_cli
    from azure.cli.core.file_util import create_invoker_and_load_cmds_and_args

    cli = get_default_cli()
    create_invoker_and_load_cmds_and_args(cli)
    lines = [f"azure-cli {__version__}: `python -m tests.docs.azure_cli` writes this file"]
    single = {f"functionapp {verb}" for verb in SINGLE}
    for name, command in sorted(cli.invocation.commands_loader.command_table.items()):
        if not f"{name} ".startswith(tuple(f"{group} " for group in KEPT)) and name not in single:
            continue
        words = []
        for argument in command.arguments.values():
            settings = argument.type.settings
            spelt = [str(getattr(one, "target", one)) for one in settings.get("options_list") or []]
            if spelt and spelt[0] not in INTERNAL:
                words.append("!" * bool(settings.get("required")) + "|".join(spelt))
        lines.append(f"{name}: {' '.join(sorted(words))}")
    FILE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
