"""Lets a call in, and holds what it was let in for: no way of leaving can leak any of it.

    limits of key, team and model ──▶ a lease     what is open, requests, tokens
    budgets of key, team and user ──▶ its funds   money, renewed as the answer passes

Where a budget has too little left for the model that was asked for, another may take its place.
"""

from collections.abc import Sequence

from gateway.policy.budgets import Funds, accounts_for, alerts_of, exceeded
from gateway.policy.estimates import Size, size_of
from gateway.policy.further import check_further
from gateway.policy.limits import FREE_LEASE, Lease, Subject, subjects_of
from gateway.policy.prices import FREE, Price
from gateway.policy.stakes import stake_of
from gateway.policy.wishes import Wishes
from gateway.relay.costs import Costs
from gateway.relay.house import House
from gateway.relay.pinning import keeper_of, pinned
from gateway.relay.spending import Spending
from gateway.words.call import Call
from gateway.words.caller import Caller
from gateway.words.client import Header
from gateway.words.errors import Unpriced
from gateway.words.receipt import Receipt
from gateway.words.target import Plan, Target

_LIMITS = b"x-ratelimit-"

MOST_SWAPS = 4
"""A spent budget has another model take the place of the one asked for, and so on, so often."""


class Admission:
    """A call that was let in, and with which plan.

    Leaving its `with` settles what it used, and gives back its place and what is left of its money.
    """

    __slots__ = (
        *("_house", "_lease", "_receipt", "_size", "_spending", "_subjects"),
        *("call", "keeper", "pays", "plan"),
    )

    def __init__(self, call: Call, plan: Plan, receipt: Receipt, house: House) -> None:
        self.call = call
        self.plan = plan
        self._receipt = receipt
        self._house = house
        self._lease: Lease = FREE_LEASE
        self._subjects: Sequence[Subject] = ()
        self._spending: Spending | None = None
        self._size: Size
        self.keeper: str | None = None
        """The provider that alone can answer, where the call goes on from what it keeps."""
        self.pays = False
        """Whether the call spends money of a budget, piece by piece."""

    async def admit(self, wishes: Wishes) -> None:
        """Take a lease and money. Raises `RateLimited`, `BudgetExceeded`, `Unpriced` or `Busy`."""
        house, receipt = self._house, self._receipt
        self._subjects = subjects_of(receipt.caller, self.call.model, house.limits_of_models)
        if not (self._subjects or receipt.caller.accounts):
            return
        self._size = size_of(self.call)
        tokens = self._size.estimate if _counts_tokens(self._subjects) else 0
        self._spending = self._stake()
        wants = () if self._spending is None else self._spending.wants()
        self._lease = await house.gate.admit(self._subjects, tokens, wants)
        try:
            await self._pay(wishes)
            self.pays = self._spending is not None
        except BaseException:
            self.__exit__(None, None, None)
            raise

    async def _pay(self, wishes: Wishes) -> None:
        """Hold what the call needs, of this model or of one that may take its place."""
        for swap in range(MOST_SWAPS + 1):
            if self._spending is None or (short := await self._spending.begin()) is None:
                return
            then = short.purse.account.budget.then
            if then is None or swap == MOST_SWAPS:
                raise exceeded(short, self._spending.stake.need)
            self._swap(then, wishes)

    def _swap(self, model: str, wishes: Wishes) -> None:
        """Ask for another model: the operator says so, not the caller's rights."""
        receipt, house = self._receipt, self._house
        if not house.routes.knows(model):
            raise house.routes.unknown(model, house.names_for(receipt.caller))
        receipt.asked = receipt.asked or receipt.model
        receipt.model = model
        self.call = self.call.for_model(model)
        plan = wishes.over(house.plan_for(model, self.call, receipt.began))
        self.plan = pinned(plan, self.keeper, self.call)
        self._spending = self._stake()

    def _stake(self) -> Spending | None:
        """Return the money that this call is about; None where no budget holds for its model."""
        house, caller, call = self._house, self._receipt.caller, self.call
        accounts = accounts_for(caller.accounts, call.model) if caller.accounts else ()
        if not accounts or house.costs is None:
            return None
        prices, self.plan = _priced(self.plan, caller, house.costs)
        first = self.plan.targets[0]
        stake = stake_of(
            self._size,
            list(prices.values()),
            stream=call.stream,
            worst=any(account.budget.reserve == "worst" for account in accounts),
            typical=house.costs.calibration.typical(first.name),
            lanes=2 if self.plan.conduct.hedge_after and call.stream else 1,
        )
        today = house.today()
        funds = Funds([house.purses.of(account, today) for account in accounts])
        return Spending(funds, stake, self._size.prompt, prices, house.gate, house.costs)

    async def go_on(self) -> None:
        """Pay for what has passed. Raises `BudgetSpent`."""
        if self._spending is not None:
            await self._spending.go_on(self._receipt)

    async def may_ask_again(self) -> bool:
        """Hold what one more attempt needs beside those before it; say whether that was there."""
        return self._spending is None or await self._spending.begin_again(self._receipt)

    def headers(self, passed: tuple[Header, ...]) -> tuple[Header, ...]:
        """Return what of the provider's fields passes, and what the caller is told of its limits.

        The provider's own limits are those of our key: they would be taken for the caller's.
        """
        if not self._subjects:
            return passed
        own = self._house.gate.headers(self._subjects, self._lease)
        theirs = [field for field in passed if not (own and field[0].startswith(_LIMITS))]
        return (*theirs, *own)

    def __enter__(self) -> "Admission":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        receipt, spending = self._receipt, self._spending
        if self._subjects:
            usage = receipt.usage
            if not receipt.attempts:
                self._lease.settle(0)  # nobody was asked: it was kept, or another's, or refused
            elif usage is not None:
                self._lease.settle(usage.input_tokens + usage.output_tokens)
            self._lease.release()
        if spending is not None:
            spending.close(receipt)
            for purse in spending.purses:
                for part in alerts_of(purse):
                    self._house.warn_of(purse, part)


async def let_in(call: Call, wishes: Wishes, receipt: Receipt, house: House) -> Admission:
    """Let a call in; what is returned is to be entered at once.

    Raises `UnknownModel`, `UnknownResponse`, `BadRequest`, `RateLimited`, `BudgetExceeded`,
    `Unpriced` or `Busy`.
    """
    caller = receipt.caller
    plan = wishes.over(house.plan(call, caller, receipt.began))
    if caller.models or caller.team_models:
        check_further(call)
    keeper = await keeper_of(call, caller, house) if call.continues else None
    admission = Admission(call, pinned(plan, keeper, call), receipt, house)
    admission.keeper = keeper
    if caller.key_id or house.limits_of_models:
        await admission.admit(wishes)
    return admission


def _counts_tokens(subjects: Sequence[Subject]) -> bool:
    return any(subject.limits.tokens_per_minute is not None for subject in subjects)


def _priced(plan: Plan, caller: Caller, costs: Costs) -> tuple[dict[str, Price], Plan]:
    """Return the prices of a plan's targets, and the plan without those that have none.

    Raises `Unpriced` where nobody knows what any of them takes, unless such calls are free.
    """
    every = (*plan.targets, *plan.context_targets)
    found = {target.name: costs.price_of(target) for target in every}
    known = {name: price for name, price in found.items() if price is not None}
    if len(known) == len(found):
        return known, plan
    if caller.unpriced == "free":
        return {name: FREE if price is None else price for name, price in found.items()}, plan

    def left(targets: Sequence[Target]) -> tuple[Target, ...]:
        return tuple(target for target in targets if target.name in known)

    targets = left(plan.targets)
    if not targets:
        raise Unpriced(
            "A budget holds for this call, and nobody can tell what the model costs: its prices"
            " are not known. The operator can set them in the configuration."
        )
    own = max(1, len(left(plan.targets[: plan.own])))
    return known, Plan(targets, own, left(plan.context_targets))
