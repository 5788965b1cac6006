"""The command line of the agent."""

from __future__ import annotations

import argparse
import logging
import signal
import sys

from . import VERSION
from .diagnose import check
from .filesystem import Places, Unknown, plain
from .hold_command import awake
from .identity import METADATA
from .intervals import Pace
from .main_loop import Agent, read_configuration

MISCONFIGURED = 2
LONGEST_LINE = 1000


def main() -> int:
    """Run the agent, or one of its commands; the exit code."""
    asked = _asked_for()
    places = Places(asked.root)
    if asked.command == "awake":
        code, said = awake(asked.words, places)
        print(said, file=sys.stderr if code else sys.stdout)
        return code
    if asked.command == "check":
        for line in check(places, asked.metadata):
            print(plain(line, LONGEST_LINE))
        return 0
    return _run(places, Pace(asked.minute), asked.metadata)


def _run(places: Places, pace: Pace, metadata: str) -> int:
    logging.basicConfig(format="%(message)s")
    try:
        agent = Agent(places, read_configuration(places), pace, metadata)
    except Unknown as error:
        print(plain(error, LONGEST_LINE), file=sys.stderr)
        return MISCONFIGURED
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    agent.run()
    return 0


def _asked_for() -> argparse.Namespace:
    parser = argparse.ArgumentParser("dormouse-agent", description="Tells the control plane what goes on on this machine.")
    parser.add_argument("--version", action="version", version=VERSION)
    parser.add_argument("--root", default="", help="where the machine's files begin (default: /)")
    parser.add_argument("--metadata", default=METADATA, help="the metadata service of the host (default: %(default)s)")
    parser.add_argument("--minute", type=float, default=60.0, help="how many seconds a minute has (default: %(default)s)")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("run", help="report for ever (the default)")
    commands.add_parser("check", help="say in words what would be reported now")
    wishing = commands.add_parser("awake", add_help=False, help="what dormouse-awake does")
    wishing.add_argument("words", nargs=argparse.REMAINDER)
    return parser.parse_args()
