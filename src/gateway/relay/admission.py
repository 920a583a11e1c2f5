"""Lets a call in, and holds what it was let in for: a lease that no way of leaving can leak."""

from gateway.policy.admission import admit, headers_of
from gateway.policy.estimates import estimate_of
from gateway.policy.limits import FREE_LEASE, Lease, Limiter
from gateway.words.call import Call
from gateway.words.caller import ANYONE, Limits
from gateway.words.client import Header
from gateway.words.receipt import Receipt

_LIMITS = b"x-ratelimit-"


class Admission:
    """A call that was let in. Leaving its `with` settles what it used and gives its place back."""

    __slots__ = ("_lease", "_limiter", "_receipt")

    def __init__(self, lease: Lease, limiter: Limiter, receipt: Receipt) -> None:
        self._lease = lease
        self._limiter = limiter
        self._receipt = receipt

    def headers(self, passed: tuple[Header, ...], now: float) -> tuple[Header, ...]:
        """Return what of the provider's fields passes, and what the caller is told of its limits.

        The provider's own limits are those of our key: they would be taken for the caller's.
        """
        own = headers_of(self._limiter, self._receipt.caller, now)
        theirs = [field for field in passed if not (own and field[0].startswith(_LIMITS))]
        return (*theirs, *own)

    def __enter__(self) -> "Admission":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        usage = self._receipt.usage
        if not self._receipt.attempts:
            self._lease.settle(0)  # nobody was asked: it was kept, or another's, or refused
        elif usage is not None:
            self._lease.settle(usage.input_tokens + usage.output_tokens)
        self._lease.release()


class Free:
    """An admission without any limit."""

    def headers(self, passed: tuple[Header, ...], now: float) -> tuple[Header, ...]:
        """Return what passes: there is no limit to tell of."""
        return passed

    def __enter__(self) -> "Free":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        pass


FREE = Free()


def let_in(call: Call, receipt: Receipt, limiter: Limiter, now: float) -> Admission | Free:
    """Let a call in. Raises `RateLimited` where a limit of its key or team is reached."""
    caller = receipt.caller
    if caller is ANYONE:
        return FREE
    tokens = 0
    if _counts_tokens(caller.limits) or _counts_tokens(caller.team_limits):
        tokens = estimate_of(call)
    lease = admit(limiter, caller, tokens, now)
    return FREE if lease is FREE_LEASE else Admission(lease, limiter, receipt)


def _counts_tokens(limits: Limits) -> bool:
    return limits.tokens_per_minute is not None
