"""Imported first: garbage collection is off while the app is loaded, because nothing becomes garbage then.

https://docs.python.org/3/library/gc.html
"""

import gc

gc.disable()

# New objects before young ones are looked through. A page of a sweep makes a million that live until its end: after every
# 700 of them, as by default, a sixth of the time of a sweep is spent on looking for garbage.
NEW_OBJECTS = 10_000


def is_over() -> None:
    """From now on garbage is collected; what has been loaded stays, and is not looked through again."""
    gc.enable()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)
