"""One request that passes through, asked and answered: whose the answer's things are is noted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import trio

from gateway.forms.table import UPSTREAM_FORMS
from gateway.policy.areas import Deed, Passage, write_query
from gateway.policy.holdings import Announced, Claim, Page, made_in, made_of, own_items
from gateway.policy.passing import NOSNIFF, Meter, headers_back, headers_on
from gateway.relay.account import account_of
from gateway.relay.ask import OK
from gateway.relay.clock import Clock
from gateway.relay.costs import EXACT
from gateway.relay.credentials import credentials_for, scrubber_for
from gateway.relay.house import House
from gateway.relay.ownership import claim_all, is_keyed
from gateway.relay.refusal import refusal_of, scrub
from gateway.relay.scope import scope_of
from gateway.upstream.send import Incoming, send
from gateway.words.answer import Piece
from gateway.words.body import Body
from gateway.words.call import request_of
from gateway.words.client import Header
from gateway.words.errors import AnswerTooLarge, GatewayError, UpstreamAuth, UpstreamMalformed
from gateway.words.receipt import Attempt, Phase, Receipt, WaitsFor
from gateway.words.target import Target

MOST_TOLD: Final = 16_777_216
"""Bytes of an answer that is read whole, for what it tells of objects."""

MOST_PAGES: Final = 20
"""Pages of a provider's list that are read for one page of the caller's."""

PAGE: Final = {"file": 1_000}
USUAL_PAGE: Final = 100
"""Things that a provider is asked for at once, and how many a caller gets who does not say."""

USUAL_WISH: Final = 20
BEFORE: Final = "before"
"""Whoever asks for what stands before something wants what is next to it."""

_NO_BODY: Final = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Way:
    """A request and where it goes, with the client's header fields."""

    passage: Passage
    target: Target
    query: tuple[tuple[str, str], ...]
    headers: Mapping[bytes, bytes]


class Raw:
    """Writes nothing of its own: what passes is the provider's (see `forms.Writer`)."""

    headers: tuple[Header, ...] = ()

    def write(self, pieces: list[Piece]) -> bytes:
        return b"".join(piece.raw for piece in pieces)

    def end(self) -> bytes:
        return b""

    def keepalive(self) -> bytes:
        return b""

    def error(self, error: GatewayError) -> bytes:
        return b""


class _Held:
    """An answer that is let go of at once, however it is left (see `relay.ask.TargetAnswer`)."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming

    async def __aenter__(self) -> Incoming:
        return self._incoming

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        # Waits for nothing, unless the answer is a foreign transport's (ADR 5).
        await self._incoming.aclose()


class Exchange:
    """One request and its answer. `fields` are what the caller is told of its limits."""

    def __init__(
        self, way: Way, receipt: Receipt, clock: Clock, house: House, fields: tuple[Header, ...]
    ) -> None:
        self._way = way
        self._receipt = receipt
        self._clock = clock
        self._house = house
        self._fields = fields
        self._key = house.own_key(way.headers) if way.target.client_key else None
        self.scrubber = scrubber_for(way.target, self._key, house)

    async def carry(self, body: Body, attempt: Attempt) -> None:
        """Ask the provider and pass on what it says, to the last byte."""
        passage = self._way.passage
        lists = passage.deed is Deed.LIST and is_keyed(self._house)
        query = self._wide(self._way.query) if lists else self._way.query
        async with _Held(await self._ask(query, body, attempt)) as incoming:
            attempt.waits_for = WaitsFor.CONTENT
            if incoming.status >= 400:
                await self._refuse(incoming, attempt)
            elif incoming.status >= 300 and incoming.status not in _NO_BODY:
                raise UpstreamMalformed("The provider sends the request elsewhere.")
            elif lists:
                await self._list(incoming, attempt)
            elif self._tells(incoming):
                told = await self._whole(incoming)
                await self._claim(made_in(passage, told))
                await self._tell(incoming, told)
            else:
                if passage.deed is Deed.DROP:
                    await self._house.objects.forget(passage.object)
                await self._stream(incoming)

    async def _ask(
        self, query: tuple[tuple[str, str], ...], body: Body, attempt: Attempt
    ) -> Incoming:
        way, house = self._way, self._house
        target, passage = way.target, way.passage
        path = passage.path + write_query(query)
        passed = headers_on(way.headers, scope_of(self._receipt.caller))
        request = request_of(passage.method, path, passed, body)
        native = passage.root is None
        credentials = await credentials_for(target, request, self._key, house, native=native)
        return await send(target, credentials, request, house.transports, attempt)

    def _tells(self, incoming: Incoming) -> bool:
        """Say whether an answer may tell of what was made, by whatever name it goes."""
        passage = self._way.passage
        asks = passage.method == "POST" or passage.deed is Deed.SHOW
        told = passage.deed in {Deed.MAKE, Deed.SHOW, Deed.WITHIN}
        media = incoming.content_type.partition(";")[0].strip().lower()
        made = passage.deed is Deed.MAKE and media != "text/event-stream"
        return asks and told and (made or media == "application/json" or media.endswith("+json"))

    async def _refuse(self, incoming: Incoming, attempt: Attempt) -> None:
        """Tell a provider's error: in the form of the endpoint, or in the words of its own API."""
        target = self._way.target
        error, said = await refusal_of(incoming, UPSTREAM_FORMS[target.form], target)
        if target.grant and not target.client_key and isinstance(error, UpstreamAuth):
            self._house.tokens.doubt(target)
        if self._way.passage.root is not None:
            raise error
        scrub(error, self.scrubber)
        self._receipt.fail(error)
        attempt.close(trio.current_time(), error)
        await self._tell(incoming, self.scrubber.scrub_bytes(said))

    async def _whole(self, incoming: Incoming) -> bytes:
        body = bytearray()
        while data := await incoming.receive():
            self._clock.received()
            body += data
            if len(body) > MOST_TOLD:
                raise AnswerTooLarge(f"The provider's answer is longer than {MOST_TOLD} bytes.")
        return bytes(body)

    def _begin(self, incoming: Incoming) -> None:
        scrubber = self.scrubber
        back = headers_back(incoming.headers)
        passed = tuple((name, scrubber.scrub_bytes(value)) for name, value in back)
        self._clock.received()
        self._receipt.begin_content(self._clock.commit())
        head = (*passed, NOSNIFF, *self._fields, *account_of(self._receipt))
        self._clock.start(incoming.status, head)

    async def _tell(self, incoming: Incoming, body: bytes) -> None:
        self._begin(incoming)
        self._receipt.phase = Phase.FINISHING
        await self._clock.finish(body)

    async def _stream(self, incoming: Incoming) -> None:
        """Pass the answer on piece by piece; nothing of it is held."""
        clock = self._clock
        own = self._way.passage.root is None and self._way.passage.method == "POST"
        meter = Meter(incoming.content_type) if own else None
        announced = Announced(self._way.passage)
        announced.over = self._way.passage.deed is not Deed.MAKE
        self._begin(incoming)
        while data := await incoming.receive():
            clock.received()
            clock.heard()
            if meter is not None:
                meter.feed(data)
            if not announced.over and (made := announced.feed(data)):
                await self._claim(made)
            await clock.send(data)
        if meter is not None and (usage := meter.usage()) is not None:
            self._receipt.usage, self._receipt.usage_quality = usage, EXACT
        self._receipt.phase = Phase.FINISHING
        await clock.finish(b"")

    async def _list(self, first: Incoming, attempt: Attempt) -> None:
        """Tell the caller's own of a provider's list, reading as many pages as that takes."""
        wish, query = self._wish(), self._wide(self._way.query)
        backwards = any(name == BEFORE for name, _ in query)
        page = Page(await self._whole(first))
        await first.aclose()
        items = await self._own(page)
        pages = 1
        while page.has_more and page.last and len(items) < wish and pages < MOST_PAGES:
            cursor = (BEFORE, page.first) if backwards else ("after", page.last)
            query = (*(pair for pair in query if pair[0] != cursor[0]), cursor)
            async with _Held(await self._ask(query, b"", attempt)) as incoming:
                if incoming.status != OK:
                    await self._refuse(incoming, attempt)
                page = Page(await self._whole(incoming))
            own = await self._own(page)
            items = own + items if backwards else items + own
            pages += 1
        more = page.has_more or len(items) > wish
        shown = items[-wish:] if backwards else items[:wish]
        await self._tell(first, page.write(shown, has_more=more))

    async def _own(self, page: Page) -> list[dict[str, Any]]:
        """Return the caller's own on a page; note the files that they were made with."""
        house, receipt = self._house, self._receipt
        passage, provider = self._way.passage, self._way.target.provider
        mine = (provider, scope_of(receipt.caller))
        owners = await house.objects.owners_of(page.ids)
        own = {each for each, owned in owners.items() if (owned.provider, owned.scope) == mine}
        items = own_items(page, own.__contains__)
        made = [claim for item in items for claim in made_of(passage, item)]
        known = await house.objects.owners_of([said for _, said in made])
        new = [claim for claim in made if claim[1] not in known]
        await self._claim(new)
        return items

    async def _claim(self, made: list[Claim]) -> None:
        await claim_all(made, self._way.target.provider, self._receipt.caller, self._house)

    def _wide(self, query: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """Ask for long pages: most of what is on them may be others'."""
        limit = ("limit", str(self._page))
        return (*(pair for pair in query if pair[0] != "limit"), limit)

    @property
    def _page(self) -> int:
        root = self._way.passage.root
        return USUAL_PAGE if root is None else PAGE.get(root.kind, USUAL_PAGE)

    def _wish(self) -> int:
        """Return how many things the caller wants on a page."""
        said = dict(self._way.query).get("limit", "")
        usual = self._page if self._page > USUAL_PAGE else USUAL_WISH
        return max(1, int(said)) if said.isascii() and said.isdigit() and len(said) < 6 else usual
