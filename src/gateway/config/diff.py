"""What differs between two configurations, name by name, and why one of them would be refused.

Nothing of a secret is shown: two of them are compared by digests that nobody else can make.
"""

import hmac
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Final

from gateway.config.compose import Config
from gateway.config.mistakes import ConfigMistake, Finding, dotted
from gateway.config.show import DEFAULT, MASK, Section, literal, sections
from gateway.providers import ConductSettings
from gateway.words.secret import Secret

OPTION: Final = "--"
"""How an origin begins that is an option of the command line. It stands over the file, so that what
the file says there makes no difference."""

ANY_PORT: Final = ("server.port", "0")
"""What lets the kernel choose a port: what runs has one, and the next start another."""

SALT_BYTES: Final = 32
FINGERPRINT_DIGITS: Final = 12
OWN: Final = 2
"""So deep lie tables that are something by themselves, such as `providers.NAME`."""

DEFAULTS: Final = "defaults."

CONDUCT: Final = frozenset(ConductSettings.__struct_fields__)

NAMED: Final = "name"
"""The row by which one of several tables is told from the others."""


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that differs: as it runs, as the file has it now; None where it is not there.

    `where` is where it stands now, or stood. Of a secret only that it differs is told.
    """

    name: str
    runs: str | None
    now: str | None
    where: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """The file as it is, against what runs. With `findings` it would be refused, and says why."""

    changes: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Setting:
    """A setting as it is shown, and what two of them are compared by."""

    shown: str
    compared: str
    origin: str


_Table = dict[str, _Setting]
_Tables = dict[tuple[str, int], _Table]
"""Tables by their names and by how deep they lie."""


def compare(runs: Config, read: Callable[[], Config]) -> Difference:
    """Compare what runs with what `read` returns; that may raise `ConfigMistake`."""
    try:
        now = read()
    except ConfigMistake as mistake:
        return Difference(findings=mistake.findings)
    return Difference(changes=tuple(changes(runs, now)), warnings=now.warnings)


def changes(runs: Config, now: Config) -> Iterator[Change]:
    """Yield what differs, in the order of what runs; what is new stands behind.

    What differs in the defaults is told there, and not once more by all who inherit it.
    """
    inherited = set()
    for change in _all(runs, now):
        what = (change.name.rpartition(".")[2], change.runs, change.now, change.where)
        if change.name.startswith(DEFAULTS):
            inherited.add(what)
        elif what in inherited:
            continue
        yield change


def _all(runs: Config, now: Config) -> Iterator[Change]:
    digest = partial(_digest, secrets.token_bytes(SALT_BYTES))
    old, new = _tables(runs, digest), _tables(now, digest)
    for place, depth in dict.fromkeys((*old, *new)):
        one, other = old.get((place, depth)), new.get((place, depth))
        if one is not None and other is not None:
            yield from _within(one, other)
        else:
            yield from _whole(place if depth <= OWN else "", one, other)


def _within(old: _Table, new: _Table) -> Iterator[Change]:
    """Yield what differs in a table that both have."""
    for name in dict.fromkeys((*old, *new)):
        one, other = old.get(name), new.get(name)
        if one is not None and one.origin.startswith(OPTION):
            continue
        if other is not None and (name, other.shown) == ANY_PORT:
            continue
        if one is None or other is None or one.compared != other.compared:
            yield _change(name, one, other)


def _whole(place: str, old: _Table | None, new: _Table | None) -> Iterator[Change]:
    """Yield a table that only one of them has: what was written in it, or else that it is there."""
    written = [
        _change(name, setting if old else None, setting if new else None)
        for name, setting in (old or new or {}).items()
        if setting.origin != DEFAULT
    ]
    yield from written
    if place and not written:
        yield Change(place, "{}" if old else None, "{}" if new else None, DEFAULT)


def alike(runs: Config, now: Config) -> frozenset[str]:
    """Return the providers that both have and that are the same, however calls go about them."""
    digest = partial(_digest, secrets.token_bytes(SALT_BYTES))
    old, new = _providers(runs, digest), _providers(now, digest)
    return frozenset(name for name in old if old[name] == new.get(name))


def _providers(config: Config, digest: Callable[[Secret], str]) -> dict[str, list[str]]:
    """Return what is written of each provider itself, without what every level may say."""
    found: dict[str, list[str]] = {}
    for section in sections(config, digest):
        where, *name = section.path
        if where != "providers" and found:
            break  # They stand together, and before what there may be thousands of.
        if where == "providers" and not CONDUCT.intersection(name[1:]):
            rows = [str(row) for row in section.rows if row.name not in CONDUCT]
            found.setdefault(name[0], []).extend((str(section), *rows))
    return found


def fingerprint(config: Config) -> str:
    """Return what tells one configuration from another, to those who began together.

    Empty where there are no several: their common key makes the digest, so that nobody can try
    secrets against it.
    """
    if config.inner_key is None:
        return ""
    salt = config.inner_key.reveal().encode()
    whole = hmac.new(salt, digestmod=sha256)
    for section in sections(config, partial(_digest, salt)):
        for line in (str(section), *map(str, section.rows)):
            whole.update(line.encode(errors="surrogatepass") + b"\n")
    return whole.hexdigest()[:FINGERPRINT_DIGITS]


def hidden(_: Secret) -> str:
    """Show nothing of a secret."""
    return MASK


def _tables(config: Config, digest: Callable[[Secret], str]) -> _Tables:
    found: _Tables = {}
    for shown, compared in zip(sections(config, hidden), sections(config, digest), strict=True):
        place = _place(shown)
        table = found.setdefault((place, len(shown.path)), {})
        for row, other in zip(shown.rows, compared.rows, strict=True):
            name = f"{place}.{dotted((row.name,))}"
            table[name] = _Setting(literal(row.value), literal(other.value), row.origin)
    return found


def _place(section: Section) -> str:
    """Name a table. One of several is known by its name: its place changes with the others."""
    place = dotted(section.path)
    if not section.in_list:
        return place
    name = next((row.value for row in section.rows if row.name == NAMED), "")
    return f"{place}[{literal(name)}]"


def _change(name: str, one: _Setting | None, other: _Setting | None) -> Change:
    there = other or one
    assert there is not None
    before = DEFAULT if one is None else one.origin
    return Change(
        name=name,
        runs=None if one is None else one.shown,
        now=None if other is None else other.shown,
        where=before if there.origin == DEFAULT else there.origin,
        # What is shown alike and differs is hidden in part.
        secret=any(each is not None and each.shown != each.compared for each in (one, other)),
    )


def _digest(salt: bytes, secret: Secret) -> str:
    return hmac.new(salt, secret.reveal().encode(errors="surrogatepass"), sha256).hexdigest()
