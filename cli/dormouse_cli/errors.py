"""Exit codes, and the errors that lead to them.

CommandError
├── Unsuccessful    the operation did not succeed, a plan would be refused, or the user declined a confirmation
├── UsageError      the command line, the spec or the settings are wrong
├── ServerError     the control plane is unreachable, or its response is unusable
├── AccessDenied    not logged in, or not allowed
├── NotFound        the named thing does not exist
├── Conflict        another operation is in progress, or the state does not allow the command
├── OutputError     the output cannot be written
└── Interrupted     the user pressed Ctrl-C
"""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """The exit codes of `dormouse`; `docs/cli.md` and `dormouse --help` list them."""

    OK = 0
    UNSUCCESSFUL = 1
    USAGE = 2
    SERVER_ERROR = 3
    ACCESS_DENIED = 4
    NOT_FOUND = 5
    CONFLICT = 6
    BUG = 70
    OUTPUT_ERROR = 74
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "done, or accepted",
    ExitCode.UNSUCCESSFUL: "the operation was refused, failed, unhealthy, cancelled or lost, or would be refused",
    ExitCode.USAGE: "the command line, the spec or the settings are wrong",
    ExitCode.SERVER_ERROR: "the control plane cannot be reached, or its response cannot be used",
    ExitCode.ACCESS_DENIED: "not logged in, or not allowed",
    ExitCode.NOT_FOUND: "not found",
    ExitCode.CONFLICT: "another operation is in progress, or the state does not allow the command",
    ExitCode.BUG: "a bug in dormouse itself",
    ExitCode.OUTPUT_ERROR: "the output cannot be written, for example to a full disk",
    ExitCode.INTERRUPTED: "interrupted; an operation that has started continues",
}


class CommandError(Exception):
    """Ends a command with an exit code, a message, and further lines that say more or what to do.

    `problem` is the code of the control plane's problem, such as `parent_not_ready`, or "".
    """

    code: ClassVar[ExitCode]

    def __init__(self, message: str, *details: str) -> None:
        super().__init__(message)
        self.details, self.problem = details, ""


class Unsuccessful(CommandError):
    """The operation did not succeed, a plan would be refused, or the user declined a confirmation."""

    code = ExitCode.UNSUCCESSFUL


class UsageError(CommandError):
    """The command line, the spec or the settings are wrong."""

    code = ExitCode.USAGE


class ServerError(CommandError):
    """The control plane is unreachable, or its response is unusable.

    `retryable`: the same request may succeed later. `quick`: it failed in little time, so it can be retried at once.
    `retry_after`: the seconds that the server asked to wait. `outcome_unknown`: the request may have been carried out.
    """

    code = ExitCode.SERVER_ERROR

    def __init__(
        self,
        message: str,
        *details: str,
        retryable: bool = False,
        quick: bool = True,
        outcome_unknown: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, *details)
        self.retryable, self.quick = retryable, quick
        self.outcome_unknown, self.retry_after = outcome_unknown, retry_after


class AccessDenied(CommandError):
    """Not logged in, or not allowed."""

    code = ExitCode.ACCESS_DENIED


class NotFound(CommandError):
    """The named thing does not exist."""

    code = ExitCode.NOT_FOUND


class Conflict(CommandError):
    """Another operation is in progress, or the state does not allow the command."""

    code = ExitCode.CONFLICT


class OutputError(CommandError):
    """The output cannot be written; a command that was sent before still counts."""

    code = ExitCode.OUTPUT_ERROR


class Interrupted(CommandError):
    """The user pressed Ctrl-C."""

    code = ExitCode.INTERRUPTED
