"""Takes known secrets out of text that others wrote: log lines, a provider's error messages (R11).

A provider's 401 often repeats the key it was given. `Secret` cannot help there, since the provider
holds the same characters in a text of its own.
"""

import json
from collections.abc import Iterable
from urllib.parse import quote

from gateway.forms.text import CUT
from gateway.words.secret import Secret

SHORTEST = 8
"""Characters. Anything shorter occurs by chance, and would only make holes in honest text."""

SHORTEST_PART = 4
"""Characters of a secret's beginning that betray it where a text was cut."""

MASK = "***"

MOST_KNOWN = 4_096
"""Spellings of configured secrets that are known at most, unless one configuration has more."""


class Scrubber:
    """Knows every configured secret, and the spellings in which it can come back."""

    __slots__ = ("_configured", "_fetched", "_spellings")

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        self._configured: dict[str, None] = {}
        self._fetched: dict[str, tuple[set[str], set[str]]] = {}
        self.know(secrets)

    def beside(self, secret: Secret) -> "Scrubber":
        """Return one that knows a further secret, for one call alone."""
        wider = Scrubber()
        wider._spellings = _in_order({*self._spellings, *_spellings(secret.reveal())})
        return wider

    def know(self, secrets: Iterable[Secret]) -> None:
        """Know further secrets that are configured. Those before are known still: a call that is
        open may be told one of them. Those that are longest gone give way.
        """
        fresh = {each: None for secret in secrets for each in _spellings(secret.reveal())}
        known = [each for each in self._configured if each not in fresh]
        gone = max(0, len(known) + len(fresh) - MOST_KNOWN)
        self._configured = {**dict.fromkeys(known[gone:]), **fresh}
        self._order()

    def learn(self, source: str, secrets: Iterable[Secret]) -> None:
        """Know what a source of credentials has fetched; also what it had fetched before that.

        The last but one is known too, since who was shown it may repeat it for a while.
        """
        found = {each for secret in secrets for each in _spellings(secret.reveal())}
        last, _ = self._fetched.get(source, (found, found))
        self._fetched[source] = (found, last)
        self._order()

    def _order(self) -> None:
        both = (each for pair in self._fetched.values() for each in pair)
        self._spellings = _in_order({*self._configured}.union(*both))

    def scrub(self, text: str) -> str:
        """Return the text with each secret masked whole, also one that the text's end has cut."""
        for spelling in self._spellings:
            if spelling in text:
                text = text.replace(spelling, MASK)
        if text.endswith(CUT):
            return self._scrub_end(text.removesuffix(CUT)) + CUT
        return text

    def scrub_bytes(self, data: bytes) -> bytes:
        """Return the bytes with each secret masked; what is no UTF-8 stays as it is."""
        return self.scrub(data.decode(errors="surrogateescape")).encode(errors="surrogateescape")

    def _scrub_end(self, text: str) -> str:
        """Mask the beginning of a secret where the text ends in it."""
        for spelling in self._spellings:
            for size in range(len(spelling) - 1, SHORTEST_PART - 1, -1):
                if text.endswith(spelling[:size]):
                    return text[:-size] + MASK
        return text

    def __repr__(self) -> str:
        return f"Scrubber({len(self._spellings)} spellings)"


def _in_order(spellings: set[str]) -> tuple[str, ...]:
    """Return the longest first: a secret may hold another one, and no tail of it must stay."""
    return tuple(sorted(spellings, key=lambda text: (-len(text), text)))


def _spellings(value: str) -> set[str]:
    """Return the secret as it is, as a JSON string holds it, and as a URL does."""
    if len(value) < SHORTEST:
        return set()
    return {
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        quote(value, safe="", errors="replace"),
    }
