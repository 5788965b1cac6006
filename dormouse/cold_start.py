"""Imported first: garbage collection is off while the app is loaded, because nothing becomes garbage then.

https://docs.python.org/3/library/gc.html
"""

import gc

gc.disable()


def is_over() -> None:
    """From now on garbage is collected; what has been loaded stays, and is not looked through again."""
    gc.enable()
    gc.freeze()
