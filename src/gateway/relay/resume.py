"""Goes on with an answer that broke off: asks again, and joins what comes where it is the same.

It begins after the commit, so the client has a part already. Nothing is spliced that was not
compared with that part, unless the target was declared to go on from it (`prefill`). Whatever
cannot be joined ends as it would have ended without: in the error that broke it off.
"""

import msgspec
import trio

from gateway.forms.chat_resume import Delivered, Differs, Join
from gateway.policy.journey import Journey
from gateway.relay.ask import TargetAnswer
from gateway.relay.errand import Errand
from gateway.relay.hearing import CallClock
from gateway.relay.walk import walk
from gateway.words.answer import Piece
from gateway.words.client import Header
from gateway.words.errors import GatewayError, IdleTimeout, UpstreamFailure
from gateway.words.receipt import Receipt

SILENT = "The provider fell silent in the middle of its answer."


class Resuming:
    """An answer (see `words.answer.Answer`) that is asked for again where it breaks off."""

    def __init__(
        self, answer: TargetAnswer, journey: Journey, errand: Errand, clock: CallClock, most: int
    ) -> None:
        """It may be asked for again `most` times."""
        self._answer = answer
        self._journey = journey
        # What is joined is of the common form: nobody is asked to go on in another one.
        self._errand = msgspec.structs.replace(errand, call=errand.call.as_common())
        self._clock = clock
        self._left = most
        self._delivered = Delivered()
        self._join: Join | None = None
        self._broke: GatewayError | None = None
        self._pending: GatewayError | None = None
        self.status = answer.status
        self.headers: tuple[Header, ...] = answer.headers

    @property
    def ended(self) -> bool:
        return self._answer.ended

    async def next(self) -> list[Piece]:
        while True:
            if self._pending is not None:
                # Another reader may have been stopped in this: then it is done once more.
                await self._ask_again(self._pending)
                self._pending = None
            try:
                pieces = self._joined(await self._read())
            except (UpstreamFailure, IdleTimeout) as error:
                if not self._may_go_on:
                    raise
                self._left -= 1
                self._broke = self._pending = error.with_traceback(None)
                continue
            self._delivered.note(pieces)
            if pieces or self._answer.ended:
                return pieces

    @property
    def _may_go_on(self) -> bool:
        wanted = not self._errand.receipt.drained
        return wanted and self._left > 0 and self._delivered.resumable

    async def _read(self) -> list[Piece]:
        if not self._may_go_on:
            return await self._answer.next()
        with trio.CancelScope() as reading:
            self._clock.watch(reading)
            try:
                return await self._answer.next()
            finally:
                self._clock.watch(None)
        raise IdleTimeout(SILENT)

    def _joined(self, pieces: list[Piece]) -> list[Piece]:
        """Return what of these the client has not got yet; raises what broke the answer off."""
        if self._join is None or self._broke is None:
            return pieces
        try:
            pieces = self._join.feed(pieces)
            if self._answer.ended:
                pieces = [*pieces, *self._join.end()]
        except Differs:
            self._left = 0
            self._answer.give_up("differs")
            raise self._broke from None
        return pieces

    async def _ask_again(self, error: GatewayError) -> None:
        """Find who answers again; raises the error where nobody does."""
        await self._answer.__aexit__(type(error), error, None)
        self._clock.doubt()
        if not await self._errand.may_ask_again():
            raise error
        house, text = self._errand.house, self._delivered.text
        now = trio.current_time()
        # What the client has got has begun its patience anew.
        patient_until = now + self._errand.patient_until - self._errand.receipt.began
        self._journey.until = min(self._errand.until, patient_until)
        step = self._journey.after(self._answer.target, error, now, house.today())
        if step is None:
            raise error
        errand = msgspec.structs.replace(self._errand, beginning=text, patient_until=patient_until)
        answer = await walk(self._journey, step, errand)
        if isinstance(answer, GatewayError):
            raise error
        self._answer = answer
        prefilled = errand.prefills(answer.target)
        self._join = Join(text, prefilled=prefilled, answer_id=self._delivered.id)
        self._errand.receipt.resumed += 1
        self._clock.commit()

    def hand_over(self, receipt: Receipt) -> None:
        """Go on for another call (see `TargetAnswer.hand_over`)."""
        self._answer.hand_over(receipt)
        self._errand = msgspec.structs.replace(self._errand, receipt=receipt, pays=None)

    async def __aenter__(self) -> "Resuming":
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        await self._answer.__aexit__(kind, error, trace)
