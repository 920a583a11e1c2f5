"""The corridor: the story of one call, from the plan to the last word.

Who decides is a step here; who only watches is a tap on the receipt. Nothing in this file closes,
releases or cleans up: each `with` does that on its way out, at once, however it is left.
"""

from gateway.forms.table import FORMS
from gateway.relay.clock import Clock
from gateway.relay.house import House
from gateway.relay.start import first_to_speak
from gateway.words.call import Call
from gateway.words.receipt import Phase, Receipt


async def carry(call: Call, receipt: Receipt, clock: Clock, house: House) -> None:
    """Find who answers, pass on what it says, finish. Raises the tree of `words.errors`.

    When it returns, the last byte has been handed to the client's socket and the receipt says so.
    """
    plan = house.routes.plan(call.model, next(house.turns))
    writer = FORMS[call.form].AnswerWriter(call)
    clock.begin(plan.timeouts, writer)
    receipt.phase = Phase.WAITING
    async with await first_to_speak(plan, call, receipt, clock, house) as answer:
        receipt.begin_content(clock.commit())
        clock.start(answer.status, (*writer.headers, *answer.headers))
        while True:
            pieces = await answer.next()
            receipt.note(pieces)
            if answer.ended:
                break
            await clock.send(writer.write(pieces))
        receipt.phase = Phase.FINISHING
    await clock.finish(writer.write(pieces) + writer.end())
    receipt.complete()
