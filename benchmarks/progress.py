"""What is told on stderr while somebody waits: a line that moves, and lines that stay."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.text import Text


class Progress:
    """The terminal of who waits; where there is none, the moving line is left out."""

    def __init__(self, progress: Console | None = None) -> None:
        self.progress = progress or Console(stderr=True, highlight=False)
        self._status = self.progress.status("starting")

    def __enter__(self) -> Self:
        if self.progress.is_terminal:
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""
        self._status.stop()

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self.progress.print(text, markup=False, soft_wrap=True)

    def move(self, text: str) -> None:
        """Put this in the line that moves."""
        self._status.update(Text(text))
