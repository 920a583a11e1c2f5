"""The corridor: the story of one call, from the plan to the last word.

Who decides is a step here; who only watches is a tap on the receipt. Nothing in this file closes,
releases or cleans up: each `with` does that on its way out, at once, however it is left.
"""

import msgspec
import trio

from gateway.forms.table import DOWNSTREAM_FORMS
from gateway.policy.wishes import Wishes
from gateway.relay.account import account_of
from gateway.relay.admission import let_in
from gateway.relay.clock import Clock
from gateway.relay.errand import Errand
from gateway.relay.guarding import look_into
from gateway.relay.house import House
from gateway.relay.source import answer_to
from gateway.words.call import Call
from gateway.words.receipt import Phase, Receipt


async def carry(call: Call, wishes: Wishes, receipt: Receipt, clock: Clock, house: House) -> None:
    """Find who answers, pass on what it says, finish. Raises the tree of `words.errors`.

    When it returns, the last byte has been handed to the client's socket and the receipt says so.
    """
    receipt.phase = Phase.WAITING
    with await let_in(call, wishes, receipt, house) as admission:
        call, plan = admission.call, admission.plan
        writer = DOWNSTREAM_FORMS[call.form].AnswerWriter(call)
        patience = wishes.patience_for(plan)
        clock.begin(wishes.timeouts(plan.timeouts, patience), writer)
        if plan.conduct.reads_on and not plan.conduct.coalesce:
            clock.spare(plan.conduct, receipt)
        patient_until = trio.current_time() + patience
        errand = Errand(call, wishes, receipt, clock, house, clock.until, patient_until)
        if admission.pays:
            errand = msgspec.structs.replace(errand, pays=admission.may_ask_again)
        if house.books is not None:
            house.books.started(receipt)
        look = None if house.guarding is None else await look_into(errand, house.guarding)
        if look is not None:
            errand = look.errand
        source = await answer_to(plan, errand, clock)
        async with source if look is None else look.over(source) as answer:
            receipt.begin_content(clock.commit())
            passed = admission.headers(answer.headers)
            clock.start(answer.status, (*writer.headers, *passed, *account_of(receipt)))
            while True:
                pieces = await answer.next()
                receipt.note(pieces)
                if answer.ended:
                    break
                await clock.send(writer.write(pieces))
                if admission.pays:
                    await admission.go_on()
            receipt.phase = Phase.FINISHING
        last_words = writer.write(pieces) + writer.end()
        receipt.told_at = trio.current_time()
        await clock.finish(last_words)
        receipt.complete()
