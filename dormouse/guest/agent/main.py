"""The command line of the agent."""

from __future__ import annotations

import argparse
import logging
import signal
import sys

from . import VERSION
from .diagnose import check
from .filesystem import FileSystem, Unknown, plain
from .hold_command import run_hold_command
from .identity import METADATA
from .intervals import Intervals
from .main_loop import Agent, read_configuration

CONFIGURATION_ERROR = 2
LONGEST_LINE = 1000


def main() -> int:
    """Run the agent or one of its commands; returns the exit code."""
    arguments = _parse_arguments()
    filesystem = FileSystem(arguments.root)
    if arguments.command == "awake":
        code, text = run_hold_command(arguments.words, filesystem)
        print(text, file=sys.stderr if code else sys.stdout)
        return code
    if arguments.command == "check":
        for line in check(filesystem, arguments.metadata):
            print(plain(line, LONGEST_LINE))
        return 0
    return _run(filesystem, Intervals(arguments.minute), arguments.metadata)


def _run(filesystem: FileSystem, intervals: Intervals, metadata: str) -> int:
    logging.basicConfig(format="%(message)s")
    try:
        agent = Agent(filesystem, read_configuration(filesystem), intervals, metadata)
    except Unknown as error:
        print(plain(error, LONGEST_LINE), file=sys.stderr)
        return CONFIGURATION_ERROR
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    agent.run()
    return 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "dormouse-agent", description="Reports the activity of this machine to the control plane."
    )
    parser.add_argument("--version", action="version", version=VERSION)
    parser.add_argument("--root", default="", help="root directory of the machine's files (default: /)")
    parser.add_argument("--metadata", default=METADATA, help="URL of the instance metadata service (default: %(default)s)")
    parser.add_argument(
        "--minute", type=float, default=60.0, help="length of a minute in seconds, for tests (default: %(default)s)"
    )
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("run", help="report until stopped (default)")
    commands.add_parser("check", help="print what would be reported now")
    hold = commands.add_parser("awake", add_help=False, help="the command dormouse-awake")
    hold.add_argument("words", nargs=argparse.REMAINDER)
    return parser.parse_args()
