"""What a piece of code does, step by step: every function that it enters, also those of C.

Two secrets that take the same steps take the same time, as far as the house can have a say in it;
no clock is asked, so the answer is the same on every machine.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

NAMED = "c_call"


@contextmanager
def steps() -> Iterator[list[str]]:
    """Note every call that is made meanwhile, in its order.

    The collector waits: what it calls as it cleans up behind others is no step of this code.
    """
    taken: list[str] = []

    def note(frame: FrameType, event: str, called: object) -> None:
        if event == NAMED:
            taken.append(getattr(called, "__qualname__", repr(called)))
        elif event == "call":
            taken.append(frame.f_code.co_qualname)

    before, collects = sys.getprofile(), gc.isenabled()
    gc.disable()
    sys.setprofile(note)
    try:
        yield taken
    finally:
        sys.setprofile(before)
        del taken[-2:]  # the way out of here
        if collects:
            gc.enable()
