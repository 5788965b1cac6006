"""`python -m recovery backup|restore|check`: the settings of the app are in the environment, the rights are the caller's."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from dormouse.cloud.clients import Cloud
from dormouse.errors import ControlPlaneError
from dormouse.settings import Settings, SettingsError
from recovery.backup import backup
from recovery.check import findings
from recovery.files import BackupError, read
from recovery.restore import restore

HOURS = 24.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 for a failure, 3 if `check` has found something."""
    given = _parser().parse_args(arguments)
    try:
        settings = Settings.from_environment()
        return asyncio.run(_run(given, Cloud(settings, settings.clock)))
    except (BackupError, SettingsError, ControlPlaneError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m recovery", description="Back up and restore the records.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("backup", help="write all records into a file").add_argument("file", type=Path)
    restoring = commands.add_parser("restore", help="write the records of a file into a deployment without environments")
    restoring.add_argument("file", type=Path)
    hours = f"how long machines are held, in hours (default {HOURS:.0f})"
    restoring.add_argument("--hold-hours", type=float, default=HOURS, help=hours)
    commands.add_parser("check", help="name what records and Azure disagree about")
    return parser


async def _run(given: argparse.Namespace, cloud: Cloud) -> int:
    try:
        if given.command == "backup":
            _say(f"{await backup(cloud, given.file)} rows are in {given.file}.")
        elif given.command == "restore":
            done = await restore(cloud, read(given.file), given.hold_hours)
            _say(f"{done.written} rows were restored; {done.kept} existed and were kept.")
            for operation in done.unfinished:
                _say(f"{operation} was running when the backup was made; it is marked as lost unless it still runs.")
        else:
            found = await findings(cloud)
            _say("\n".join(found) or "The records and Azure agree.")
            return 3 if found else 0
    finally:
        await cloud.close()
        await cloud.credential.close()
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
