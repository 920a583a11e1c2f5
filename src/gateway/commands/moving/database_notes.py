"""What is told of a move: each thing once, with all whom it concerns."""

from collections.abc import Iterator
from typing import Final

from gateway.telemetry.lines import printable

SHOWN: Final = 8
"""Names that stand behind a thing; the others are counted."""

LOST: Final = "NOT TAKEN OVER"
"""So begins what is told of keys whose holders must be told."""

WIDER: Final = "WIDER THAN THERE"
"""So begins what is told of those who may do more here, until somebody says otherwise."""

SHOWN_MUCH: Final = 1_000
"""Names that stand behind a thing of these two kinds."""


class Notes:
    """Collects things that were not taken over as they stood, by whom they concern."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, None]] = {}

    def tell(self, what: str, whom: str) -> None:
        """Note a thing of one key, team or user."""
        self._found.setdefault(what, {})[whom] = None

    def __iter__(self) -> Iterator[str]:
        """Yield a line for each thing; what must not be overlooked comes last."""
        for what, names in sorted(self._found.items(), key=lambda each: each[0].startswith(WIDER)):
            most = SHOWN_MUCH if what.startswith((LOST, WIDER)) else SHOWN
            listed = [printable(name) for name in list(names)[:most]]
            more = f" and {len(names) - most:,} more" if len(names) > most else ""
            yield f"{what} ({len(names):,}): {', '.join(listed)}{more}"

    def __len__(self) -> int:
        return len(self._found)
