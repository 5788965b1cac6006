"""What a command may end with: the exit codes, and the errors that lead to them.

CommandError
├── EndedBadly      what was asked for was done, and did not end well
├── Usage           the command, its spec or its settings are wrong
├── NoServer        there was no useful answer
├── NotAllowed      nobody knows who asks, or they may not
├── NotFound        what was named does not exist
├── Conflict        something else is under way, or the state does not take the command
└── Interrupted     somebody pressed Ctrl-C
"""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What a script can tell from how the command ended; `docs/cli.md` and `dormouse --help` list them."""

    OK = 0
    ENDED_BADLY = 1
    USAGE = 2
    NO_SERVER = 3
    NOT_ALLOWED = 4
    NOT_FOUND = 5
    CONFLICT = 6
    DEFECT = 70
    INTERRUPTED = 130


MEANING = {
    ExitCode.OK: "done, or accepted",
    ExitCode.ENDED_BADLY: "the operation ended as refused, failed, unhealthy, cancelled or lost, or would be refused",
    ExitCode.USAGE: "the command line, the spec or the settings are wrong",
    ExitCode.NO_SERVER: "the control plane cannot be reached, or does not answer usefully",
    ExitCode.NOT_ALLOWED: "not logged in, or not allowed",
    ExitCode.NOT_FOUND: "there is nothing of that name",
    ExitCode.CONFLICT: "something else is under way, or the state does not take the command",
    ExitCode.DEFECT: "a defect of the command line itself",
    ExitCode.INTERRUPTED: "interrupted; an operation that was begun goes on",
}


class CommandError(Exception):
    """A command that cannot be done: one sentence for people, and more lines where there is more to say."""

    code: ClassVar[ExitCode]

    def __init__(self, sentence: str, *more: str) -> None:
        super().__init__(sentence)
        self.more = more


class EndedBadly(CommandError):
    """What was asked for was done, and did not end well."""

    code = ExitCode.ENDED_BADLY


class Usage(CommandError):
    """The command, its spec or its settings are wrong."""

    code = ExitCode.USAGE


class NoServer(CommandError):
    """There was no useful answer.

    It `may_pass` with time, and where it is `quick` to find out, that can be tried at once, or after `ask_again_in` seconds
    where the server said so. It is `uncertain` when nobody knows whether the server has done what it was asked.
    """

    code = ExitCode.NO_SERVER

    def __init__(
        self,
        sentence: str,
        *more: str,
        may_pass: bool = False,
        quick: bool = True,
        uncertain: bool = False,
        ask_again_in: float | None = None,
    ) -> None:
        super().__init__(sentence, *more)
        self.may_pass, self.quick, self.uncertain, self.ask_again_in = may_pass, quick, uncertain, ask_again_in


class NotAllowed(CommandError):
    """Nobody knows who asks, or they may not."""

    code = ExitCode.NOT_ALLOWED


class NotFound(CommandError):
    """What was named does not exist."""

    code = ExitCode.NOT_FOUND


class Conflict(CommandError):
    """Something else is under way, or the state does not take the command."""

    code = ExitCode.CONFLICT


class Interrupted(CommandError):
    """Somebody pressed Ctrl-C."""

    code = ExitCode.INTERRUPTED
