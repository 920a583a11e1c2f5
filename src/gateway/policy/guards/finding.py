"""What guards have found in one call: their names, never a word of what it was. Pure."""

from collections.abc import Callable
from typing import Final

from gateway.policy.guards.guard import Guard
from gateway.words.errors import ContentBlocked

UNSEEN: Final = "unseen"
"""What a guard is said to have done that refused what it could not look into."""

AWAY: Final = "away"
"""What a check is said to have done that did not answer."""

Note = Callable[[str, str], None]
"""Takes the name of a guard, and what it did."""


class Findings:
    """Takes note of what is found in a request, or in its answer; what is blocked is raised."""

    def __init__(self, note: Note, *, answer: bool) -> None:
        self._note = note
        self._what = "answer" if answer else "request"

    def hit(self, guard: Guard) -> None:
        """Say that a guard has found something. Raises `ContentBlocked` where it blocks."""
        self._note(guard.name, guard.then)
        if guard.then == "block":
            raise ContentBlocked(f"The {self._what} was stopped by the guard {guard.name!r}.")

    def unseen(self, guards: tuple[Guard, ...]) -> None:
        """Say that there is something that no guard can look into. Raises `ContentBlocked`."""
        for guard in guards:
            if guard.holds and guard.needs_sight and (guard.rules or guard.check):
                self._note(guard.name, UNSEEN)
                raise ContentBlocked(
                    f"The {self._what} holds what the guard {guard.name!r} cannot look into, such"
                    " as an image, a file or sound; the operator can let that pass with"
                    ' unseen = "pass".'
                )

    def unread(self, guards: tuple[Guard, ...]) -> None:
        """Say that there is more than any guard looks at: whoever pads a request escapes none.

        Raises `ContentBlocked`.
        """
        for guard in guards:
            self._note(guard.name, UNSEEN)
            if guard.holds:
                raise ContentBlocked(
                    f"The {self._what} is longer, or of more parts, than the guard"
                    f" {guard.name!r} looks at. Send less at once."
                )

    def fixed(self) -> None:
        """Say that what was found cannot be taken out. Raises `ContentBlocked`."""
        raise ContentBlocked(
            f"The {self._what} holds what a guard would take out, and a form with files is passed"
            " on as it is."
        )
