"""`gateway serve` with a window: on a socket it shows its purses and leases, whatever it is doing.

    python -m benchmarks.accounts.watched FOLDER serve --config FILE

What calls hold is told by nothing that the gateway says of itself. So here each step of a purse is
noted, with its moment, and a thread answers whoever connects to `FOLDER/PID.sock`.
"""

import json
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from gateway.__main__ import main
from gateway.policy.budgets import Funds, Purse, Purses, Short
from gateway.policy.limits import Limiter
from gateway.store.leases import Parcel
from gateway.store.treasury import Treasury
from gateway.words.errors import BudgetExceeded

STEPS: Final = b"steps"
"""What is asked for; whatever else asks for sums alone."""

MOST: Final = 500_000
"""Steps that are kept."""


class Window:
    """What is seen in one process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._purses: list[Purses] = []
        self._limiters: list[Limiter] = []
        self._steps: list[tuple[float, int, int]] = []
        self._refused: list[tuple[float, int]] = []
        self.short: Purse | None = None
        """In which the last call has found too little."""

    def note_purses(self, purses: Purses) -> None:
        """Show these from now on."""
        self._purses.append(purses)
        threading.Thread(target=self._answer, daemon=True).start()

    def note_limiter(self, limiter: Limiter) -> None:
        """Show this too."""
        self._limiters.append(limiter)

    def note_step(self, purse: Purse) -> None:
        """Note how a purse stands now."""
        if len(self._steps) < MOST:
            self._steps.append((time.monotonic(), purse.spent + purse.reserved, purse.room))

    def note_refusal(self) -> None:
        """Note that a call is refused, and what nobody has taken yet as far as is known."""
        purse = self.short
        if purse is not None:
            taken = max(purse.known, purse.spent + purse.reserved)
            self._refused.append((time.monotonic(), purse.limit - taken))

    def _answer(self) -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self._folder / f"{os.getpid()}.sock"))
            listener.listen()
            while True:
                with listener.accept()[0] as asking:
                    steps = asking.recv(64) == STEPS
                    asking.sendall(json.dumps({**self._sums(), **self._past(steps=steps)}).encode())

    def _past(self, *, steps: bool) -> dict[str, object]:
        return {"steps": self._steps, "refused": self._refused} if steps else {}

    def _sums(self) -> dict[str, object]:
        # Nothing else can tell how many are open.
        quotas = [each for limiter in self._limiters for each in vars(limiter)["_quotas"].values()]
        every = [purse for purses in self._purses for purse in purses]
        return {
            "spent": sum(purse.spent for purse in every),
            "reserved": sum(purse.reserved for purse in every),
            "idle": sum(purse.room for purse in every),
            "open": sum(quota.open for quota in quotas),
        }


def watch(folder: Path) -> None:
    """Have purses and limiters seen as soon as they are made, and each step of theirs."""
    window = Window(folder)
    make_purses, make_limiter = Purses.__init__, Limiter.__init__
    refuse = BudgetExceeded.__init__
    take, close, tell = Funds.take, Funds.close, vars(Treasury)["_told"]

    def purses(self: Purses, **options: Any) -> None:
        make_purses(self, **options)
        window.note_purses(self)

    def limiter(self: Limiter) -> None:
        make_limiter(self)
        window.note_limiter(self)

    def taking(self: Funds, nanos: int) -> Short | None:
        short = take(self, nanos)
        if short is None:
            window.note_step(self.purses[0])
        else:
            window.short = short.purse
        return short

    def closing(self: Funds, cost: int) -> None:
        close(self, cost)
        window.note_step(self.purses[0])

    def telling(self: Treasury, account: Any, beyond: int, idle: int) -> Parcel:
        window.note_step(account.purse)
        told: Parcel = tell(self, account, beyond, idle)
        return told

    def refusing(self: BudgetExceeded, *said: Any, **more: Any) -> None:
        refuse(self, *said, **more)
        window.note_refusal()

    for of, name, method in (
        (BudgetExceeded, "__init__", refusing),
        (Treasury, "_told", telling),
        (Purses, "__init__", purses),
        (Limiter, "__init__", limiter),
        (Funds, "take", taking),
        (Funds, "close", closing),
    ):
        setattr(of, name, method)


if __name__ == "__main__":
    watch(Path(sys.argv.pop(1)))
    main()
