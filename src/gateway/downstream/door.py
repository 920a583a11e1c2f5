"""The door: which endpoint is asked, who asks it, and whether the request may come in at all."""

import re
from collections.abc import Mapping
from typing import Final

from gateway.downstream.calls import Calls
from gateway.downstream.client import Guest
from gateway.downstream.head import Head, split_path
from gateway.endpoints import Endpoint, Found, find, find_plain
from gateway.forms.multipart import boundary_of
from gateway.policy.callers import refuse_web_pages
from gateway.policy.issuers import Identifies
from gateway.policy.jwt import token_in
from gateway.policy.keys import presented
from gateway.policy.labels import labels_of
from gateway.relay.house import House
from gateway.words.caller import ANYONE, Caller
from gateway.words.errors import Busy, ClientMistake, Forbidden, Unauthorized, UnsupportedMedia
from gateway.words.receipt import Receipt

NO_KEY = (
    "A key of this gateway is needed, in authorization: Bearer, x-api-key or api-key, or beside a"
    " key of your own in x-gateway-key. None was sent, or it is not known here, or no longer."
)
ID_NAMES: Final = {"messages": b"request-id"}
"""Under which other name than `x-request-id` clients look for it, by their form."""

SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class Door:
    """Lets requests in, or refuses them, before any of their body is read."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def admit(self, head: Head, receipt: Receipt, client: Guest, house: House) -> Found:
        """Find the endpoint and what its path names; refuse whoever may not ask it."""
        found = find_plain(head.method, head.path) or find(head.method, split_path(head.path))
        endpoint = found.endpoint
        receipt.endpoint = endpoint.operation
        client.id_name = ID_NAMES.get(endpoint.form, b"")
        if endpoint.probe:
            return found
        if client.spare:
            raise Busy("Too many connections.")
        headers = head.headers
        issuers = house.issuers
        if issuers is not None and (token := token_in(headers)) is not None:
            receipt.caller = await _vouched(issuers, token, house.today())
        else:
            receipt.caller = _identify(head, house)
        if endpoint.passage:
            _check_passage(head, receipt.caller)
        elif endpoint.operation == "open_socket":
            _check_page(headers, receipt.caller)
        elif endpoint.carried:
            _check_media(headers, endpoint, receipt.caller)
        if endpoint.carried or endpoint.passage:
            if house.books is not None:
                receipt.tags, receipt.session, receipt.client = labels_of(headers)
            if self._calls.full:
                raise Busy(f"{self._calls.most} calls are open, which is the most at once.")
        return found


def _identify(head: Head, house: House) -> Caller:
    """Say who asks, by digest alone (S5); refuse whoever may not, all in the same words."""
    headers = head.headers
    secret = None if house.keys is None else presented(headers)
    if house.keys is None or (secret is None and house.open_use):
        refuse_web_pages(head.host, headers.get(b"sec-fetch-site"), open_use=house.open_use)
        return ANYONE
    caller = None if secret is None else house.keys.identify(secret, house.today())
    if caller is None:
        raise Unauthorized(NO_KEY)
    return caller


def form_asked(head: Head) -> str:
    """Return the form in which whoever sent this head is told an error."""
    try:
        found = find_plain(head.method, head.path) or find(head.method, split_path(head.path))
    except ClientMistake:
        return "chat"
    return found.endpoint.form


async def _vouched(issuers: Identifies, token: bytes, today: float) -> Caller:
    """Say for whom a token vouches; refuse all others, in the words for a wrong key.

    Raises `Unauthorized`, or `Busy` where the issuer's keys cannot be had.
    """
    caller = await issuers.identify(token, today)
    if caller is None:
        raise Unauthorized(NO_KEY)
    return caller


def _check_passage(head: Head, caller: Caller) -> None:
    """Refuse what is compressed; and without keys what any web page can send unasked (R27)."""
    headers = head.headers
    if b"content-encoding" in headers:
        raise UnsupportedMedia("A compressed body is not accepted; send it as it is.")
    media = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    page = caller is ANYONE and b"origin" in headers
    if page and head.method == "POST" and media != b"application/json":
        raise Forbidden("This gateway has no keys, so it takes no forms of web pages.")


def _check_page(headers: Mapping[bytes, bytes], caller: Caller) -> None:
    """Refuse a WebSocket to a page where there are no keys: browsers ask no leave for one (R27)."""
    if caller is ANYONE and b"origin" in headers:
        raise Forbidden("This gateway has no keys, so it opens no WebSocket to web pages.")


def _check_media(headers: Mapping[bytes, bytes], endpoint: Endpoint, caller: Caller) -> None:
    """Refuse a body that is not declared as what it is to be.

    A form can be sent by any web page, and unasked: without keys none is taken from a page (R27).
    """
    if b"content-encoding" in headers:
        raise UnsupportedMedia("A compressed body is not accepted; send it as it is.")
    if endpoint.uploads:
        boundary_of(headers.get(b"content-type", b""))
        if caller is ANYONE and b"origin" in headers:
            raise Forbidden("This gateway has no keys, so it takes no forms of web pages.")
        return
    media = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media != b"application/json":
        raise UnsupportedMedia("Declare the body: content-type: application/json.")
