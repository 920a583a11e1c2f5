"""A line to a store that is not there: what it was asked, and what it is made to reply."""

from collections.abc import Callable, Sequence
from typing import NoReturn

import trio

from gateway.store.line import PATIENCE, Command, Late, Line, Lost

Reply = Callable[[Command], object]


class FakeLine:
    """Replies by a function, at once or, while `held`, never."""

    def __init__(self, reply: Reply = lambda _: b"") -> None:
        self.asked: list[Command] = []
        self.reply = reply
        self.behind = False
        self.held = False
        self.take: Callable[[bytes], None] | None = None
        self.late: Late | None = None
        self.trips = 0
        """How often it was asked, however much at once."""

    async def ask(
        self, *commands: Command, patience: float = PATIENCE, late: Late | None = None
    ) -> Sequence[object]:
        self.trips += 1
        if late is not None:
            self.late = late
        self.asked += commands
        await trio.lowlevel.checkpoint()
        if self.held:
            await trio.sleep(patience)
            raise Lost("late")
        return [self.reply(command) for command in commands]

    async def hear(self, take: Callable[[bytes], None]) -> NoReturn:
        self.take = take
        await trio.sleep_forever()
        raise AssertionError

    def named(self, name: bytes) -> list[Command]:
        """Return the commands of one name."""
        return [command for command in self.asked if command[0] == name]


class FakeDial:
    """Who opens lines: by turns with a line, a reason why there is none, or silence (None)."""

    def __init__(self, *turns: FakeLine | str | None) -> None:
        self._turns = list(turns)
        self.opened: list[float] = []
        self._ends: list[trio.Event] = []

    async def __call__(
        self, *, task_status: trio.TaskStatus[Line] = trio.TASK_STATUS_IGNORED
    ) -> None:
        self.opened.append(trio.current_time())
        turn = self._turns.pop(0) if self._turns else "nothing there"
        if isinstance(turn, str):
            raise Lost(turn)
        if turn is not None:
            task_status.started(turn)
        end = trio.Event()
        self._ends.append(end)
        await end.wait()
        raise Lost("the connection ended")

    def end(self) -> None:
        """End the line that was opened last."""
        self._ends[-1].set()


class FakeJournal:
    """Keeps what is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, event: str, **fields: object) -> None:
        self.lines.append(event)

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append(f"{event}: {fields['reason']}")
