"""Imported before anything else: while an app is loaded nothing becomes garbage, and nobody needs to look for it.

https://docs.python.org/3/library/gc.html
"""

import gc

gc.disable()


def is_over() -> None:
    """From now on garbage is collected; what has been loaded stays, and is not looked through again."""
    gc.enable()
    gc.freeze()
