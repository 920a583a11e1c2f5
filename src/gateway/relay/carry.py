"""The corridor: the story of one call, from the plan to the last word.

Who decides is a step here; who only watches is a tap on the receipt. Nothing in this file closes,
releases or cleans up: each `with` does that on its way out, at once, however it is left.
"""

import trio

from gateway.forms.table import FORMS
from gateway.policy.wishes import Wishes
from gateway.relay.account import account_of
from gateway.relay.admission import let_in
from gateway.relay.clock import Clock
from gateway.relay.errand import Errand
from gateway.relay.house import House
from gateway.relay.source import answer_to
from gateway.words.call import Call
from gateway.words.receipt import Phase, Receipt


async def carry(call: Call, wishes: Wishes, receipt: Receipt, clock: Clock, house: House) -> None:
    """Find who answers, pass on what it says, finish. Raises the tree of `words.errors`.

    When it returns, the last byte has been handed to the client's socket and the receipt says so.
    """
    plan = wishes.over(house.plan(call, receipt.caller, receipt.began))
    writer = FORMS[call.form].AnswerWriter(call)
    patience = wishes.patience_for(plan)
    clock.begin(wishes.timeouts(plan.timeouts, patience), writer)
    receipt.phase = Phase.WAITING
    now = trio.current_time()
    errand = Errand(call, wishes, receipt, clock, house, clock.until, now + patience)
    with let_in(call, receipt, house.limiter, now) as admission:
        if house.books is not None:
            house.books.started(receipt)
        async with await answer_to(plan, errand, clock) as answer:
            receipt.begin_content(clock.commit())
            passed = admission.headers(answer.headers, trio.current_time())
            clock.start(answer.status, (*writer.headers, *passed, *account_of(receipt)))
            while True:
                pieces = await answer.next()
                receipt.note(pieces)
                if answer.ended:
                    break
                await clock.send(writer.write(pieces))
            receipt.phase = Phase.FINISHING
        await clock.finish(writer.write(pieces) + writer.end())
        receipt.complete()
