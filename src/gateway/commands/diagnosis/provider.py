"""One provider: the way to it, whether it takes its keys, whether it lists the models we name.

It is asked for its list of models alone, as the gateway itself asks for it: nothing is paid.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Final

import httpx2
import trio

from gateway.commands.diagnosis.examine import imported
from gateway.commands.diagnosis.heard import Heard
from gateway.commands.diagnosis.reach import Trust, reach
from gateway.commands.diagnosis.verdict import Verdict, counted, fail, ok, skipped, warn
from gateway.commands.diagnosis.witness import Witness
from gateway.policy.callers import is_loopback
from gateway.policy.offers import Offer
from gateway.providers.table import TABLE
from gateway.upstream.grants import Seams, open_tokens
from gateway.upstream.probe import client_on, list_models
from gateway.words.call import UpstreamRequest
from gateway.words.client import Header
from gateway.words.errors import GatewayError, Timeout, UpstreamAuth
from gateway.words.grants import Grant
from gateway.words.secret import Secret

FETCH_TIMEOUT: Final = 2.0
"""Seconds for credentials that end after a while."""

LIST_TIMEOUT: Final = 2.0
"""Seconds for one list of models."""

MOST_KEYS: Final = 8
"""Keys of one provider that are tried."""

MOST_NAMED: Final = 5
"""Names of models that one sentence holds."""

UNLISTED: Final = frozenset({"bedrock", "vertex", "vertex-anthropic"})
"""Kinds that list no models where they are asked for answers."""

DEPLOYED: Final = frozenset({"azure"})
"""Kinds whose list has models, while calls name deployments."""

SAYS_400: Final = frozenset({"gemini", "xai"})
"""Kinds that answer 400 to a key that they do not know."""

NO_LIST: Final = frozenset({404, 405, 501})

NO_MORE: Final = frozenset({402, 429})

REFUSED: Final = (
    "Is the key whole, in force, and of this provider? Make a new one there, and set what"
    " [providers.{}] names in api_key."
)
A_CALL_TELLS: Final = "whether the key is good only a call can tell, which might be paid for"
MAY_NOT: Final = (
    "May this key list models, and may this machine's address come in? A key with few rights may be"
    " good for answers all the same."
)


LEFT_OVER: Final = 0.2
"""Seconds of a check's time that are kept for telling what it has found."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What all providers are looked at with. `witness` stands in the client's transport."""

    client: httpx2.AsyncClient
    witness: Witness
    trust: Trust
    today: Callable[[], float]
    grants: Mapping[str, Grant]
    seams: Seams


@dataclass(frozen=True, slots=True)
class _Came:
    """What came of asking for a list: the models or why there are none, the status, how long."""

    models: tuple[str, ...] | GatewayError | trio.TooSlowError
    status: int
    seconds: float


class _Unfit(Exception):
    """Credentials that could not be fetched, as their verdict says."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.check)
        self.verdict = verdict


async def look_at(offer: Offer, tools: Tools) -> list[Verdict]:
    """Look at one provider."""
    target = offer.target
    if target.origin.scheme not in {"http", "https"}:
        return [ok("built in", "it is part of the gateway, and needs nobody")]
    outcome = await reach(target.origin, tools.trust, tools.today)
    found = list(outcome.verdicts)
    if not outcome.arrived:
        return [*found, skipped("key", "not reached"), skipped("models", "not reached")]
    if target.client_key:
        return [*found, skipped("key", "callers show their own keys")]
    try:
        shown = await _shown(offer, tools)
    except _Unfit as unfit:
        return [*found, unfit.verdict, skipped("models", "nobody can ask for them")]
    if target.kind in UNLISTED:
        return [*found, _kept(offer)]
    return [*found, *await _list(offer, shown, tools)]


def _kept(offer: Offer) -> Verdict:
    if offer.target.grant:
        return ok("key", f"credentials were had; it has no list to show them for: {A_CALL_TELLS}")
    return skipped("key", f"it has no list of models: {A_CALL_TELLS}")


async def _shown(offer: Offer, tools: Tools) -> list[tuple[Header, ...]]:
    """Return the header fields for each key, as the gateway shows them. Raises `_Unfit`."""
    target, shows = offer.target, TABLE[offer.target.kind].credentials
    if not target.grant:
        keys: Sequence[Secret | None] = offer.keys[:MOST_KEYS] or (None,)
        return [(*target.headers, *shows(key)) for key in keys]
    heard = Heard()
    wanted = {target.grant: tools.grants[target.grant]}
    tokens = await imported(partial(open_tokens, wanted, tools.seams, heard))
    grant = tokens.grants[target.grant]
    await heard.from_service(partial(grant.serve, tools.client), FETCH_TIMEOUT)
    if heard.reason is not None:
        remedy = f"Look at what [providers.{offer.provider}] names for its credentials."
        raise _Unfit(fail("key", f"no credentials: {heard.reason}", remedy))
    held = await grant.get()
    request = UpstreamRequest("GET", target.path + _place(offer), (), b"")
    return [(*target.headers, *shows(None), *held.headers(target, request))]


def _place(offer: Offer) -> str:
    """Return where models are listed, behind the path of the API."""
    return TABLE[offer.target.kind].Options.LISTS + offer.target.query


async def _list(offer: Offer, shown: Sequence[tuple[Header, ...]], tools: Tools) -> list[Verdict]:
    """Ask for the list with each key, all at once; judge the keys, and the names by the list.

    Where keys are shown it is asked for without one as well: who lists to anybody says nothing of
    a key.
    """
    shows = TABLE[offer.target.kind].credentials
    has_keys = bool(offer.keys or offer.target.grant)
    bare = [(*offer.target.headers, *shows(None))] if has_keys else []
    came: dict[int, _Came] = {}

    async def ask(number: int, headers: tuple[Header, ...]) -> None:
        came[number] = await _asked(offer, headers, tools)

    async with trio.open_nursery() as nursery:
        for number, headers in enumerate([*shown, *bare]):
            nursery.start_soon(ask, number, headers)
    is_open = has_keys and isinstance(came[len(shown)].models, tuple)
    found: list[Verdict] = []
    listed: tuple[str, ...] | None = None
    for number in range(len(shown)):
        check = "key" if len(shown) == 1 else f"key {number + 1}"
        one = came[number]
        if isinstance(one.models, tuple):
            found.append(_accepted(check, offer, one, is_open=is_open))
            listed = one.models
        else:
            found.append(_refused(check, one.models, offer, one))
    if len(offer.keys) > len(shown):
        rest = counted(len(offer.keys) - len(shown), "key")
        found.append(skipped("keys", f"{rest} more: only the first {MOST_KEYS} are tried"))
    return [*found, _named(offer, listed)]


async def _asked(offer: Offer, headers: tuple[Header, ...], tools: Tools) -> _Came:
    """Ask for the list once. Others ask the same server meanwhile, so the status is noted apart."""
    target, began = offer.target, trio.current_time()
    witness = Witness(tools.witness, tools.today)
    patience = min(LIST_TIMEOUT, trio.current_effective_deadline() - began - LEFT_OVER)
    models: tuple[str, ...] | GatewayError | trio.TooSlowError
    try:
        with trio.fail_after(max(0.0, patience)):
            models = await list_models(
                target.origin, target.path, headers, client_on(witness), _place(offer)
            )
    except (GatewayError, trio.TooSlowError) as error:
        models = error
    return _Came(models, witness.statuses.get(target.origin, 0), trio.current_time() - began)


def _accepted(check: str, offer: Offer, came: _Came, *, is_open: bool) -> Verdict:
    assert isinstance(came.models, tuple)
    seen = f"lists {counted(len(came.models), 'model')}, in {came.seconds * 1000:.0f} ms"
    if is_open:
        return skipped(check, f"it {seen}, also to who shows no key: {A_CALL_TELLS}")
    if offer.keys or offer.target.grant:
        return ok(check, f"accepted; {seen}")
    if is_loopback(offer.target.origin.host) or offer.target.headers:
        return ok(check, f"none of ours is needed; {seen}")
    remedy = f"If it wants a key for answers, set api_key in [providers.{offer.provider}]."
    return warn(check, f"no key is shown to it, yet it {seen}", remedy)


def _refused(
    check: str, error: GatewayError | trio.TooSlowError, offer: Offer, came: _Came
) -> Verdict:
    """Judge what came in place of a list."""
    status = came.status
    if isinstance(error, trio.TooSlowError | Timeout):
        seen = f"it was asked for its models, and said nothing within {came.seconds:.1f} seconds"
        return fail(check, seen, "Is it overloaded, or is something in between holding answers?")
    if status in NO_MORE:
        seen = f"too many requests, or no money left ({status})"
        return warn(check, seen, "Look at its own page.")
    if status == 403 and (offer.keys or offer.target.grant):
        return warn(check, f"it may not see the list of models (403): {A_CALL_TELLS}", MAY_NOT)
    if isinstance(error, UpstreamAuth) or (status == 400 and offer.target.kind in SAYS_400):
        if not (offer.keys or offer.target.grant):
            remedy = f"Set api_key in [providers.{offer.provider}]."
            return fail(check, f"it wants a key ({status}), and is shown none", remedy)
        return fail(check, f"refused ({status})", REFUSED.format(offer.provider))
    if status in NO_LIST:
        return skipped(check, f"it answers, and lists no models ({status}): {A_CALL_TELLS}")
    remedy = "Does base_url lead to its API, version and all? Try that address by hand."
    return fail(check, str(error), remedy)


def _named(offer: Offer, listed: tuple[str, ...] | None) -> Verdict:
    """Judge the configured names by the list."""
    if listed is None:
        return skipped("models", "no list was had")
    wanted = sorted(set(offer.names.values()))
    if offer.target.kind in DEPLOYED:
        return skipped("models", "its list has models, and calls name deployments")
    if not wanted:
        return ok("models", "whatever it lists" if offer.listing else "whatever is asked for")
    there = frozenset(listed)
    missing = [name for name in wanted if name not in there and f"{name}:latest" not in there]
    if not missing:
        return ok("models", f"{counted(len(wanted), 'name')} of ours, all in its list")
    remedy = "Calls for them may fail. Are they spelt as it spells them, and yours to use?"
    return warn("models", f"not in its list: {_few(missing, listed)}", remedy)


def _few(missing: Sequence[str], listed: Sequence[str]) -> str:
    """Name some of them, each with the nearest that is listed."""
    shown = []
    for name in missing[:MOST_NAMED]:
        near = get_close_matches(name, listed[:1000], 1)
        shown.append(f"{name} (near: {near[0]})" if near else name)
    more = len(missing) - len(shown)
    return ", ".join(shown) + (f", and {more} more" if more else "")
