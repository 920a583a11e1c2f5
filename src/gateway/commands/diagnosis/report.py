"""How findings are shown: a table that fills up on a terminal, plain lines elsewhere, or an object.

What is shown was made safe before it comes here (`examine.told`).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from gateway import __version__
from gateway.commands.diagnosis.verdict import Examined, Level, Verdict, counted, worst

REFRESH_PER_SECOND: Final = 8
SUBJECT: Final = 26
CHECK: Final = 18

STYLES: Final = {
    Level.OK: "green",
    Level.WARN: "yellow",
    Level.FAIL: "bold red",
    Level.SKIPPED: "dim",
}


class Silent:
    """Shows nothing: the findings are for a program."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def begins(self, subjects: Sequence[str]) -> None:
        pass

    def found(self, examined: Examined) -> None:
        pass


class Lines(Silent):
    """Prints what was found out about one subject after the other, each as soon as it may."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._waiting: list[str] = []
        self._found: dict[str, Examined] = {}

    def begins(self, subjects: Sequence[str]) -> None:
        self._waiting += subjects

    def found(self, examined: Examined) -> None:
        self._found[examined.subject] = examined
        if examined.subject not in self._waiting:
            self._waiting.append(examined.subject)
        while self._waiting and self._waiting[0] in self._found:
            for text in lines(self._found.pop(self._waiting.pop(0))):
                self._console.print(text)


class LiveTable:
    """Prints likewise on a terminal, with those subjects below that are still being looked at."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=REFRESH_PER_SECOND, transient=True)
        self._open: list[str] = []

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._live.stop()

    def begins(self, subjects: Sequence[str]) -> None:
        self._open += subjects
        self._show()

    def found(self, examined: Examined) -> None:
        if examined.subject in self._open:
            self._open.remove(examined.subject)
        self._show()

    def _show(self) -> None:
        room = max(1, self._console.height - 4)
        waiting = [Spinner("dots", Text(each, "dim")) for each in self._open[:room]]
        self._live.update(Group(*waiting))


def lines(examined: Examined) -> Iterator[Text]:
    """Yield a line for each verdict, and below it what to do."""
    subject = examined.subject
    for verdict in examined.verdicts:
        yield _line(subject, verdict)
        subject = ""
        if verdict.remedy:
            yield Text(f"{'':8}{'':{SUBJECT}} → {verdict.remedy}", "cyan")


def _line(subject: str, verdict: Verdict) -> Text:
    text = Text(f"{verdict.level:<8}", STYLES[verdict.level])
    text.append(f"{subject:<{SUBJECT}} ", "bold")
    text.append(f"{verdict.check:<{CHECK}} ", "none")
    return text.append(verdict.seen, "dim" if verdict.level is Level.SKIPPED else "none")


def table(found: Iterable[Examined]) -> Table:
    """Return all of it as one table."""
    whole = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("", "subject", "check", "what was seen, and what to do"):
        whole.add_column(name, overflow="fold")
    for examined in found:
        subject = examined.subject
        for verdict in examined.verdicts:
            seen = Text(verdict.seen, "dim" if verdict.level is Level.SKIPPED else "")
            if verdict.remedy:
                seen.append(f"\n→ {verdict.remedy}", "cyan")
            level = Text(verdict.level, STYLES[verdict.level])
            whole.add_row(level, Text(subject, "bold"), Text(verdict.check), seen)
            subject = ""
    return whole


def summary(found: Sequence[Examined], seconds: float) -> Text:
    """Return the last line: how well all is."""
    level = worst(found)
    every = [verdict.level for each in found for verdict in each.verdicts]
    parts = [
        counted(every.count(Level.FAIL), "failure"),
        counted(every.count(Level.WARN), "warning"),
        f"{every.count(Level.OK)} ok",
        f"{every.count(Level.SKIPPED)} skipped",
    ]
    return Text(f"{', '.join(parts)} · {seconds:.1f} s", STYLES[level])


def as_object(found: Sequence[Examined], seconds: float) -> dict[str, object]:
    """Return all of it for programs."""
    return {
        "version": __version__,
        "verdict": str(worst(found)),
        "seconds": round(seconds, 3),
        "checks": [
            {
                "subject": each.subject,
                "check": verdict.check,
                "verdict": str(verdict.level),
                "seen": verdict.seen,
                "remedy": verdict.remedy,
            }
            for each in found
            for verdict in each.verdicts
        ],
    }
