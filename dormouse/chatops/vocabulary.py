"""The vocabulary of chat commands: their words, how they are used, and which of them need a name."""

from enum import StrEnum


class Word(StrEnum):
    """The first word of a command."""

    UP = "up"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    HIBERNATE = "hibernate"
    RESIZE = "resize"
    STATUS = "status"
    HOLD = "hold"
    EXTEND = "extend"
    IDLE = "idle"
    SIZES = "sizes"
    COSTS = "costs"
    PASSWORD = "password"  # noqa: S105 - a word that people say
    ROTATE_PASSWORD = "rotate-password"  # noqa: S105 - a word that people say
    DELETE = "delete"
    HELP = "help"


ALIASES = {
    "create": Word.UP,
    "list": Word.STATUS,
    "ls": Word.STATUS,
    "show": Word.STATUS,
    "keep": Word.HOLD,
    "snooze": Word.HOLD,
    "lease": Word.EXTEND,
    "rm": Word.DELETE,
    "remove": Word.DELETE,
    "?": Word.HELP,
}
WORDS = {**{word.value: word for word in Word}, **ALIASES}

USAGE: dict[Word, tuple[str, str]] = {
    Word.UP: (
        "up NAME [BLUEPRINT] [size=… region=… allow_from=…]",
        "create an environment, or update it to this spec",
    ),
    Word.START: ("start NAME", "start it"),
    Word.STOP: ("stop NAME", "stop it; its computing is not billed while it is stopped"),
    Word.RESTART: ("restart NAME", "restart it"),
    Word.HIBERNATE: ("hibernate NAME", "stop it and keep its memory, if its spec has `hibernation`; `start` resumes it"),
    Word.RESIZE: (
        "resize NAME SIZE [restart]",
        "change its VM size while it is stopped; with `restart`, a running one is stopped and started again",
    ),
    Word.STATUS: ("status [NAME]", "show one environment, or list all"),
    Word.HOLD: (
        "hold NAME 2h [why]",
        "keep it running for this long (2h, 30m, 1 day); a longer hold stays in place, `off` removes it",
    ),
    Word.EXTEND: (
        "extend NAME 8h [stop|delete]",
        "set or renew a lease: stop or delete it when the lease expires; `off` removes the lease",
    ),
    Word.IDLE: ("idle", "list idle VMs and what will happen to them"),
    Word.SIZES: ("sizes REGION [gpu=…] [max_price=…]", "list the cheapest VM sizes of a region, with prices and quota left"),
    Word.COSTS: ("costs [NAME]", "show what was spent and saved in this month, and what the month will cost"),
    Word.PASSWORD: ("password NAME", "show where its password is stored"),
    Word.ROTATE_PASSWORD: ("rotate-password NAME", "replace its password while it is running; open sessions stay open"),
    Word.DELETE: ("delete NAME", "delete it with all its resources; asks for confirmation"),
    Word.HELP: ("help", "show this list"),
}
WITHOUT_NAME = frozenset({Word.IDLE, Word.SIZES, Word.HELP})
NEEDS_NAME = frozenset(Word) - WITHOUT_NAME - {Word.STATUS, Word.COSTS}
