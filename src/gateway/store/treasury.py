"""Money that all processes together may spend: drawn from the shared store, given back when idle.

    store: taken of the limit ──draw──▶ purse: ceiling ──▶ calls
                  ▲                        │
                  └──── what is idle ◀─────┘      and what was spent unasked is told

Never more is granted than the limit. Where much is left a purse is given its wish; the nearer the
end, the less, and at last just what it is short of. So whoever is refused is refused because the
money is spent, and not because it lies idle elsewhere.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from gateway.policy.budgets import DAY, Purse, Purses, Want
from gateway.store.leases import Parcel
from gateway.store.line import PREFIX, Command
from gateway.store.options import Loss
from gateway.store.scripts import SERVERS_TIME, Scripts

PURSES: Final = PREFIX + b"purse:1:"

PART: Final = 64
"""Nobody is given more than this part of what is left, unless he needs it."""

KEPT_FOR: Final = DAY
"""Seconds after its window's end that an account is kept in the store."""


def portion(left: int, need: int, wish: int) -> int:
    """Return what is granted where so much is left, as `lua/purse.lua` does."""
    return max(need, min(wish, left // PART)) if need <= left else 0


@dataclass(slots=True, eq=False)
class _Account:
    """A purse, and how it stands with the store."""

    purse: Purse
    beginning: int = 0
    version: int = 0
    """Which history of the store the purse's `known` belongs to, and how much of it."""
    claimed: int = 0
    """What of the purse's room calls count on that are asking for more."""
    drawing: int = 0
    """How many are asking."""
    untold: int = 0
    """What the process has granted itself, and the store does not know of."""
    wish: int = 0
    last: tuple[int, int] = (0, 0)
    """What was spent and reserved when it was looked at last."""

    @property
    def is_scarce(self) -> bool:
        """Say whether so little is left that no one is to keep what he does not use."""
        return (self.purse.limit - self.purse.known) // PART < self.wish

    @property
    def is_settled(self) -> bool:
        """Say whether there is nothing to be told, now or once a call has ended."""
        return not (self.purse.room or self.purse.reserved or self.untold or self.drawing)

    def learn(self, reply: object) -> int | None:
        """Take what was granted, and learn what is taken in all; None where it is no reply."""
        match reply:
            case [int(granted), int(taken), int(beginning), int(version)] if granted >= 0:
                self.purse.ceiling += granted
                if beginning != self.beginning or version > self.version:
                    self.beginning, self.version = beginning, version
                    self.purse.known = taken + self.untold
                return granted
        return None


class Draw:
    """One want on its way to the store. It ends with `take` or `leave`."""

    def __init__(self, account: _Account, want: Want) -> None:
        room = account.purse.room
        self.want = want
        self.account = account
        self._claim = max(0, min(want.need, room - account.claimed))
        self.need = want.need - self._claim - min(0, room)
        # While one asks in bulk, the others need not.
        self.wish = self.need if account.drawing else max(want.wish, self.need)
        self._granted: int | None = None
        self._open = True
        account.wish = want.wish
        account.claimed += self._claim
        account.drawing += 1

    def leave(self) -> None:
        """Count on nothing any more. What is granted after all may still be taken."""
        if self._open:
            self._open = False
            self.account.claimed -= self._claim
            self.account.drawing -= 1

    def take(self, reply: object) -> None:
        """Put what was granted into the purse, if this is a reply at all."""
        self.leave()
        self._granted = self.account.learn(reply)

    @property
    def was_answered(self) -> bool:
        return self._granted is not None

    @property
    def was_overtaken(self) -> bool:
        """Say whether another call has taken what this one had counted on meanwhile."""
        return bool(self._granted) and self.want.purse.room < self.want.need


class Treasury:
    """The money of this process's purses, as far as the shared store grants it."""

    def __init__(self, purses: Purses, scripts: Scripts, loss: Loss) -> None:
        self._purses = purses
        self._scripts = scripts
        self._loss = loss
        self._accounts: dict[Purse, _Account] = {}
        self._lively: dict[Purse, _Account] = {}
        """Those of which there may be something to tell."""
        self.is_scarce = False
        """Whether idle money is to go back at once."""
        self.stranded = 0
        """Nano-dollars that were given back, or not: nobody knows, and nobody spends them."""

    def __len__(self) -> int:
        return len(self._accounts)

    def draws(self, wants: Sequence[Want]) -> list[Draw]:
        """Begin to ask for what purses are short of."""
        short = [want for want in wants if want.purse.room < want.need]
        return [Draw(self._account(want.purse), want) for want in short]

    def command(self, draw: Draw) -> Command:
        return self._command(draw.account, draw.need, draw.wish, 0)

    def take(self, draw: Draw, reply: object) -> None:
        """Put what was granted into its purse, if this is a reply at all."""
        draw.take(reply)
        self.is_scarce = self.is_scarce or draw.account.is_scarce

    def alone(self, wants: Sequence[Want]) -> None:
        """Grant what is wanted without the store: what is left as far as is known, or all of it."""
        for want in wants:
            account, purse = self._account(want.purse), want.purse
            need = max(0, want.need - purse.room)
            granted = 0
            if self._loss == "open":
                granted = need
            elif self._loss == "local":
                granted = portion(purse.limit - purse.known, need, max(want.wish, need))
            purse.ceiling += granted
            purse.known += granted
            account.untold += granted

    def words(self, *, closing: bool = False) -> Iterator[Parcel]:
        """Yield what the store is to be told: what is idle, what was spent or granted unasked.

        With `closing`, all that nobody holds is idle.
        """
        self.is_scarce = False
        for purse, account in list(self._lively.items()):
            if account.is_settled:
                del self._lively[purse]
                continue
            idle = self._idle(account, closing=closing)
            beyond = max(0, -purse.room)
            self.is_scarce = self.is_scarce or account.is_scarce
            if idle or beyond or account.untold:
                purse.ceiling -= idle
                yield self._told(account, beyond, idle)

    def look_through(self) -> None:
        """Find purses that nobody was asked for, and forget those whose window is over."""
        current = set(self._purses)
        for purse in current:
            if purse.room < 0:
                self._account(purse)
        for purse, account in list(self._accounts.items()):
            if purse not in current and account.is_settled:
                del self._accounts[purse]

    def _account(self, purse: Purse) -> _Account:
        account = self._accounts.get(purse)
        if account is None:
            account = self._accounts[purse] = _Account(purse)
        self._lively[purse] = account
        return account

    @staticmethod
    def _idle(account: _Account, *, closing: bool) -> int:
        """Return what nobody has used for a while and no call holds or is about to."""
        purse = account.purse
        last, account.last = account.last, (purse.spent, purse.reserved)
        if account.drawing:
            return 0
        if purse.reserved and account.last != last and not (closing or account.is_scarce):
            return 0
        return max(0, purse.room)

    def _told(self, account: _Account, beyond: int, idle: int) -> Parcel:
        purse, untold = account.purse, account.untold
        command = self._command(account, 0, 0, untold + beyond - idle)

        def take(reply: object) -> None:
            account.untold -= untold
            if account.learn(reply) is not None:
                purse.ceiling += beyond
                return
            # What was taken is told again, and counts twice at worst; what was given back is not.
            account.untold += untold
            if reply is None:
                self.stranded += idle
            else:
                purse.ceiling += idle

        return Parcel(command, take)

    def _command(self, account: _Account, need: int, wish: int, told: int) -> Command:
        purse = account.purse
        return self._scripts.purse.call(
            [_key_of(purse)],
            purse.limit,
            need,
            wish,
            told,
            max(0, purse.known - account.untold),
            account.beginning,
            account.version,
            purse.window.end + KEPT_FOR,
            SERVERS_TIME,
        )


def _key_of(purse: Purse) -> bytes:
    """Return the key of a purse: no name stands in it."""
    number = sha256(purse.account.name.encode()).hexdigest()[:32]
    return PURSES + f"{number}:{purse.window.start}".encode()
