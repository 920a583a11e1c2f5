"""Which objects a body names, which an answer says were made, and whose parts of a list. Pure.

What is read here was written by clients and providers: any JSON, however deep.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from gateway.policy.areas import Deed, Passage
from gateway.policy.owners import LONGEST_ID, is_id
from gateway.words.errors import BadRequest, UpstreamMalformed

SHORTEST: Final = 4
"""Characters: what is shorter is a word, and no id."""

_MADE: Final = ("output_file_id", "error_file_id")
"""Under these an answer names a file that was made for the object which it tells of."""

_HINTS: Final = (b"file_id", b"vector_store", b"container", b"skill_id")
"""A body that names an object holds one of these in a text that is one word, as a key is."""

_HINT: Final = re.compile(rb'"\w{0,16}(?:%b)\w{0,16}"' % b"|".join(_HINTS))
_HIDDEN: Final = re.compile(rb"\\u00[2-7]")
"""A letter that is written so that no key can be found by looking."""

_LONGEST_RAW: Final = 6 * LONGEST_ID
"""Bytes of a text that may be an id, each letter of it written as `\\u0061`."""

_WORD: Final = re.compile(
    rb'"([!#-+\--9;-Z\\^-z|~][!#-~]{%d,%d}[!#-\[\]-~])(?=")' % (SHORTEST - 2, _LONGEST_RAW - 2)
)
"""What stands between two quotes without a space, be it a text or a part of one: never less than
all texts that may be ids. It takes one look at each byte, however the quotes stand.
"""

_BETWEEN: Final = re.compile(r"[^\s,;\"'\[\]{}]+")
_MODEL: Final = re.compile(
    rb'"%b"\s*:\s*"([^"\\]*(?:\\.[^"\\]*)*)"'
    % b"".join(rb"(?:%c|\\u00%02x)" % (letter, letter) for letter in b"model"),
    re.IGNORECASE,
)
MOST_TEXTS: Final = 131_072
"""Texts, keys included, of a body that is looked through."""

MOST_QUOTES: Final = 1_048_576
"""Those within texts too."""

MOST_WORDS: Final = 16_384
"""Different ones that may be ids."""

MOST_MODELS: Final = 64

MOST_ITEMS: Final = 10_000
"""Things on one page of a provider's list, which is asked for a thousand at most."""

MOST_HELD: Final = 65_536
"""Bytes of an event in which is looked for what was made."""

LONGEST_END: Final = 1_024
"""Bytes at the end of a form's part in which an id is looked for, with the space around it."""

_check = msgspec.json.Decoder(msgspec.Raw).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def may_name_objects(body: bytes) -> bool:
    """Say, by a look alone, whether a call's body may name files and such."""
    hinted = any(hint in body for hint in _HINTS)
    # What would be looked at for long is not looked at twice.
    if hinted and (body.count(b'"') > MOST_QUOTES or _HINT.search(body) is not None):
        return True
    return _HIDDEN.search(body) is not None


def named_in(body: bytes) -> list[str]:
    """Return every text of a JSON body that may be an id, each once. Raises `BadRequest`.

    It is read text by text, so that of a field which stands twice both are seen.
    """
    try:
        _check(body)
        if not body.isascii():
            body.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _unreadable() from None
    quotes = body.count(b'"')
    # No text begins with a quote that is escaped: there are no more texts than other quotes.
    if quotes > MOST_QUOTES or quotes - body.count(b'\\"') > MOST_TEXTS:
        raise BadRequest(f"The body has more than {MOST_TEXTS} texts, or {MOST_QUOTES} quotes.")
    words = _texts(_WORD.findall(body))
    if len(words) > MOST_WORDS:
        raise BadRequest(f"The body has more than {MOST_WORDS} texts that may be ids.")
    return [word for word in words if is_id(word) and " " not in word]


def words_in(text: str) -> list[str]:
    """Return all that may be ids in a short text, be it a list of them or JSON."""
    return [word for word in _BETWEEN.findall(text) if is_id(word)]


def models_in(body: bytes) -> list[str]:
    """Return every model that a body of JSON names, at whatever depth. Raises `BadRequest`.

    Of a field which stands twice both are seen: nobody knows which of them a provider takes.
    """
    models = _texts(_MODEL.findall(body))
    if len(models) > MOST_MODELS:
        raise BadRequest(f"The body names more than {MOST_MODELS} models.")
    return models


def _texts(raws: list[bytes]) -> list[str]:
    """Return what raw texts say, each once."""
    try:
        return list(dict.fromkeys(map(_text, dict.fromkeys(raws))))
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _unreadable() from None


def _text(raw: bytes) -> str:
    return _decode_text(b'"%b"' % raw) if b"\\" in raw else raw.decode()


def _unreadable() -> BadRequest:
    return BadRequest("The body is no JSON, or is nested too deeply.")


class FormIds:
    """Finds all that may be ids in short texts of a form (multipart/form-data), as it arrives.

    How the fields are called does not matter, so no name can be hidden from it; nor how much stands
    before the text: of each part the end is kept.
    """

    def __init__(self, boundary: bytes) -> None:
        self._mark = b"--" + boundary
        self._held = b""
        self._found: dict[str, None] = {}

    def feed(self, data: bytes) -> None:
        """Look through the next piece."""
        *parts, held = (self._held + data).split(self._mark)
        for part in parts:
            self._look(part)
        self._held = held[-LONGEST_END:]

    def _look(self, part: bytes) -> None:
        _, blank, value = part[-LONGEST_END:].rstrip().rpartition(b"\r\n\r\n")
        if blank:
            self._found |= dict.fromkeys(words_in(value.decode(errors="replace")))

    @property
    def ids(self) -> list[str]:
        """All that was found; a form is over with its last mark."""
        return list(self._found)


Claim = tuple[str, str]
"""A kind and an id."""


def made_in(passage: Passage, body: bytes) -> list[Claim]:
    """Return what an answer says was made for the caller: nothing where it is no such JSON."""
    try:
        told = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    return made_of(passage, told) if isinstance(told, dict) else []


def made_of(passage: Passage, told: dict[str, Any]) -> list[Claim]:
    """Return what one object of an answer says was made."""
    root = passage.root
    assert root is not None
    found: list[tuple[str, object]] = []
    itself = told.get("object") == root.kind
    if passage.deed is Deed.MAKE or itself:
        found.append((root.kind, told.get("id")))
    if passage.deed is Deed.MAKE and root.kind == "thread":
        found = [("thread", told.get("id" if itself else "thread_id"))]
    found += [("file", told.get(name)) for name in _MADE]
    results = told.get("result_files")
    found += [("file", each) for each in results] if isinstance(results, list) else []
    whole = told.get("file")
    if root.kind == "upload" and isinstance(whole, dict):
        found.append(("file", whole.get("id")))
    return [(kind, said) for kind, said in found if isinstance(said, str) and is_id(said)]


class Announced:
    """Finds what a stream of events says was made, in the first event that says so."""

    def __init__(self, passage: Passage) -> None:
        self._passage = passage
        self._held = b""
        self.over = False
        """True once nothing more is looked for."""

    def feed(self, data: bytes) -> list[Claim]:
        """Look through the next piece; return what was made."""
        *lines, self._held = (self._held + data).split(b"\n")
        for line in lines:
            made = made_in(self._passage, line[5:]) if line.startswith(b"data:") else []
            if made:
                self.over = True
                return made
        self.over = len(self._held) > MOST_HELD
        return []


class Page:
    """One page of a provider's list, whosever the things on it are.

    Raises `UpstreamMalformed` for what is no list: it is not passed on, for it may tell anything.
    """

    def __init__(self, body: bytes) -> None:
        try:
            told = _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            told = None
        items = told.get("data") if isinstance(told, dict) else None
        if not isinstance(told, dict) or not isinstance(items, list) or len(items) > MOST_ITEMS:
            raise UpstreamMalformed("The provider's list cannot be told apart by whose things are.")
        self._told = told
        self.items = [item for item in items if isinstance(item, dict)]
        self.ids = [said for item in self.items if isinstance(said := item.get("id"), str)]
        self.has_more = told.get("has_more") is True
        last = told.get("last_id")
        self.last = last if isinstance(last, str) else self.ids[-1] if self.ids else ""
        """After which the provider's next page begins."""
        self.first = self.ids[0] if self.ids else self.last
        """Before which the page ends that precedes it."""

    def write(self, items: list[dict[str, Any]], *, has_more: bool) -> bytes:
        """Return this page as the caller is shown it, with these things on it."""
        told = {key: value for key, value in self._told.items() if key in {"object", "data"}}
        told["data"] = items
        ids = [item.get("id") for item in items]
        ends = {"first_id": ids[0] if ids else None, "last_id": ids[-1] if ids else None}
        if "has_more" in self._told:
            told["has_more"] = has_more
        told |= {key: value for key, value in ends.items() if key in self._told}
        return _encode(told)


def own_items(page: Page, is_own: Callable[[str], bool]) -> list[dict[str, Any]]:
    """Return those things on a page that are the caller's."""
    return [item for item in page.items if isinstance(said := item.get("id"), str) and is_own(said)]
