"""What tells who somebody is: addresses, numbers of telephones, cards, accounts, people. Pure.

Each is looked for by its shape within a fixed length and proved by its check digits where it has
any, so that a text costs a time in proportion to its length.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from gateway.policy.guards.detector import Detector, Found, tail

_LABEL = r"[A-Za-z0-9-]{1,63}"
_LOCAL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}\Z")
_DOMAIN = re.compile(rf"(?:{_LABEL}\.){{1,8}}[A-Za-z]{{2,24}}(?![A-Za-z0-9-])")
_ADDRESS_TAIL = re.compile(r"[A-Za-z0-9._%+'@-]+\Z")
_LOCAL_MOST: Final = 64

# Behind a point there are the decimals of a number, of which one in fifty would pass for a card.
_CARD = re.compile(r"(?<![0-9])(?<![0-9]\.)[2-6][0-9]{3}(?:[ -]?[0-9]){9,15}")
_GROUPS = re.compile(r"[0-9]+")
_SEPARATORS: Final = str.maketrans("", "", " -")
_DOUBLED: Final = str.maketrans("0123456789", "0246813579")
_CARD_TAIL = re.compile(r"[0-9][0-9 -]*\Z")
_CARDS = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|(?:5[1-5]|2[2-7])[0-9]{14}|3[47][0-9]{13}"
    r"|3[0689][0-9]{12}|35[0-9]{14}|6[0-9]{15,18}"
)
"""How many digits a card has, by those in front: Visa, Mastercard, Amex, Diners, JCB, others."""

_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}")
_IBAN_REST = re.compile(r"(?: ?[A-Za-z0-9]){11,30}")
_IBAN_TAIL = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{1,2}\Z"
    r"|(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{1,2}\Z"
    r"|(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?: ?[A-Za-z0-9]){0,30} ?\Z"
)
_LENGTHS = (
    "NO15 BE16 DK18 FI18 FO18 GL18 NL18 SD18 MK19 SI19 AT20 BA20 EE20 KZ20 LT20 LU20 MN20 XK20"
    " CH21 HR21 LI21 LV21 BG22 BH22 CR22 DE22 GB22 GE22 IE22 ME22 RS22 VA22 AE23 GI23 IL23 IQ23"
    " OM23 SO23 TL23 AD24 CZ24 ES24 MD24 PK24 RO24 SA24 SE24 SK24 TN24 VG24 LY25 PT25 ST25 IS26"
    " TR26 BI27 DJ27 FR27 GR27 IT27 MC27 MR27 SM27 AL28 AZ28 BY28 CY28 DO28 GT28 HU28 LB28 PL28"
    " SV28 BR29 EG29 PS29 QA29 UA29 JO30 KW30 MU30 YE30 MT31 SC31 LC32 NI32 RU33"
)
_IBAN_LENGTH: Final[Mapping[str, int]] = {each[:2]: int(each[2:]) for each in _LENGTHS.split()}

_SSN = re.compile(
    r"(?<![0-9A-Za-z-])(?!000|666|9)[0-9]{3}([- ])(?!00)[0-9]{2}\1(?!0000)[0-9]{4}(?![0-9A-Za-z-])"
)
_SSN_TAIL = re.compile(r"[0-9][0-9 -]*\Z")
_PHONE = re.compile(
    r"(?<![0-9A-Za-z+])(?:\+[1-9](?:[ ().-]{0,2}[0-9]){7,14}"
    r"|\(?[2-9][0-9]{2}(?:\)[ ]?|[ .-])[2-9][0-9]{2}[ .-][0-9]{4})(?![0-9A-Za-z])"
)
_PHONE_TAIL = re.compile(r"[+(0-9][0-9 ().-]*\Z")
_IP = re.compile(r"(?<![0-9A-Za-z.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9A-Za-z]|\.[0-9])")
_IP_TAIL = re.compile(r"[0-9][0-9.]*\Z")


class Email:
    """Addresses of mail (see `Detector`): each `@` is looked at, with what stands around it."""

    longest = 64 + 1 + 8 * 64 + 24 + 1

    def find(self, text: str, begin: int) -> Iterator[Found]:
        at = text.find("@", begin)
        while at >= 0:
            local = _LOCAL.search(text[max(begin, at - _LOCAL_MOST) : at])
            domain = _DOMAIN.match(text, at + 1)
            if local is not None and domain is not None:
                begin = domain.end()
                yield Found(at - len(local.group()), begin)
            at = text.find("@", max(begin, at + 1))

    def settled(self, text: str) -> int:
        return tail(_ADDRESS_TAIL, text, self.longest)


class Card:
    """Numbers of payment cards (see `Detector`), in one or in groups, proved by Luhn's digit."""

    longest = 19 + 18 + 1

    def find(self, text: str, begin: int) -> Iterator[Found]:
        run = _CARD.search(text, begin)
        while run is not None:
            at, end = run.start(), _card_end(text, run)
            if end:
                yield Found(at, end)
            run = _CARD.search(text, end or at + 1)

    def settled(self, text: str) -> int:
        return tail(_CARD_TAIL, text, self.longest)


class Iban:
    """Numbers of accounts (see `Detector`), proved by their country's length and modulo 97."""

    longest = 34 + 33 + 1

    def find(self, text: str, begin: int) -> Iterator[Found]:
        for head in _IBAN.finditer(text, begin):
            if head.start() >= begin and (end := _iban_end(text, head.start())):
                begin = end
                yield Found(head.start(), end)

    def settled(self, text: str) -> int:
        return tail(_IBAN_TAIL, text, self.longest)


class Shape:
    """Whatever a pattern of bounded length tells (see `Detector`)."""

    def __init__(self, pattern: re.Pattern[str], tail: re.Pattern[str], longest: int) -> None:
        self._pattern = pattern
        self._tail = tail
        self.longest = longest

    def find(self, text: str, begin: int) -> Iterator[Found]:
        for match in self._pattern.finditer(text, begin):
            yield Found(match.start(), match.end())

    def settled(self, text: str) -> int:
        return tail(self._tail, text, self.longest)


class Ip:
    """Addresses of machines (see `Detector`): four numbers that are no greater than 255."""

    longest = 16 + 1

    def find(self, text: str, begin: int) -> Iterator[Found]:
        for match in _IP.finditer(text, begin):
            if all(int(part) <= 255 for part in match.group().split(".")):
                yield Found(match.start(), match.end())

    def settled(self, text: str) -> int:
        return tail(_IP_TAIL, text, self.longest)


KINDS: Final[Mapping[str, Detector]] = {
    "email": Email(),
    "phone": Shape(_PHONE, _PHONE_TAIL, 1 + 1 + 14 * 3 + 1),
    "card": Card(),
    "iban": Iban(),
    "ssn": Shape(_SSN, _SSN_TAIL, 11 + 1),
    "ip": Ip(),
}
"""All that can be looked for, by name."""


def _card_end(text: str, run: re.Match[str]) -> int:
    """Return where the number of a card ends that begins a run of digits; 0 where none does.

    It ends where a group of digits does, the longest first.
    """
    digits = run.group().translate(_SEPARATORS)
    count, ends = 0, []
    for group in _GROUPS.finditer(text, run.start(), run.end()):
        count += group.end() - group.start()
        if count > 12 and text[group.end() : group.end() + 1] not in _DIGITS:
            ends.append((count, group.end()))
    for count, end in reversed(ends):
        if _CARDS.fullmatch(digits, 0, count) and _luhn(digits[:count]):
            return end
    return 0


_DIGITS: Final = tuple("0123456789")


def _luhn(digits: str) -> bool:
    kept, doubled = digits[-1::-2], digits[-2::-2].translate(_DOUBLED)
    return sum(map(int, kept + doubled)) % 10 == 0


def _iban_end(text: str, begin: int) -> int:
    """Return where the number of an account ends that begins here; 0 where none does."""
    length = _IBAN_LENGTH.get(text[begin : begin + 2].upper())
    rest = _IBAN_REST.match(text, begin + 4)
    if length is None or rest is None:
        return 0
    places = [place for place in range(begin, rest.end()) if text[place] != " "]
    if len(places) < length:
        return 0
    end = places[length - 1] + 1
    if text[end : end + 1].isalnum() and text[end : end + 1].isascii():
        return 0
    said = "".join([text[place] for place in places[:length]]).upper()
    number = "".join([str(int(sign, 36)) for sign in said[4:] + said[:4]])
    return end if int(number) % 97 == 1 else 0
