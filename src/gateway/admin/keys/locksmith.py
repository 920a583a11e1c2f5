"""Makes, changes, rotates and revokes keys of the database, by the rules of `gateway keys`.

Those of the file are under version control, and are changed there alone. A secret is made here,
told to whoever has asked for it, and kept nowhere.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches
from typing import Final, NoReturn, TypeVar

from gateway.admin.audit import Audit
from gateway.admin.keys.desk import BadDraft, Drafted, KeyDesk
from gateway.admin.keys.forms import KeyChange, KeyChanged, KeyMade, KeyRevoked, NewKey
from gateway.admin.keys.views import rights_in_words
from gateway.admin.routes import Identity, Refusal
from gateway.policy.keys import SECRET_BYTES, KeyRecord, digest_of, hint_of, new_secret
from gateway.store.archive import Archive
from gateway.store.connection import Connection, DatabaseFault
from gateway.store.keys import Kept, KeyStore, NameTaken, NotInForce
from gateway.telemetry.lines import printable
from gateway.words.errors import Busy

NO_DATABASE: Final = "[store] names no database to keep keys in."
NO_PEPPER: Final = "[auth] names no pepper, with which the digests of keys are made."
IN_FILE: Final = "The key {name} stands in {file}, under [[keys]]: change it there."
TAKEN: Final = "There is a key {name} already, and a name means one key for ever."
SHUT: Final = "The key {name} opens nothing any more: make one with another name."

T = TypeVar("T")


def this_second() -> int:
    """Return the Unix time, in seconds."""
    return time.time_ns() // 1_000_000_000


class Locksmith:
    """Changes the keys. What cannot be done is a `Refusal`; what is done stands in the audit."""

    def __init__(
        self,
        desk: KeyDesk,
        archive: Archive | None,
        audit: Audit,
        *,
        now: Callable[[], int] = this_second,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._desk = desk
        self._archive = archive
        self._audit = audit
        self._now = now
        self._random = random

    @property
    def hindrance(self) -> str:
        """Why no key can be made; empty where keys can."""
        if self._archive is None:
            return NO_DATABASE
        return "" if self._desk.pepper is not None else NO_PEPPER

    async def kept(self) -> Kept:
        """Return the keys of the database; none where there is no database."""
        if self._archive is None:
            return Kept()
        return await self._done(lambda store: store.read(), reading=True)

    async def create(self, who: Identity, asked: NewKey) -> KeyMade:
        """Make a key, and tell its secret."""
        pepper = self._pepper()
        now = self._now()
        record, warnings = _drafted(lambda: self._desk.draft(asked, now))
        secret, digest, hint = self._secret(pepper)
        made = replace(record, digest=digest, hint=hint)
        try:
            await self._done(lambda store: store.create(made))
        except NameTaken:
            raise Refusal(409, "name_taken", TAKEN.format(name=_named(asked.name))) from None
        await self._audit.note(who, "create key", asked.name, rights_in_words(made))
        return KeyMade(asked.name, secret, hint, list(warnings))

    async def change(self, who: Identity, asked: KeyChange) -> KeyChanged:
        """Give a key other rights."""
        now = self._now()
        await self._in_force(asked.name, now)

        def draft(before: KeyRecord) -> tuple[KeyRecord, Drafted]:
            drafted = _drafted(lambda: self._desk.redraft(before, asked, now))
            return drafted[0], drafted

        try:
            record, warnings = await self._done(lambda store: store.change(asked.name, now, draft))
        except NotInForce:
            _refuse_shut(asked.name)
        await self._audit.note(who, "change key", asked.name, rights_in_words(record))
        return KeyChanged(asked.name, list(warnings))

    async def rotate(self, who: Identity, name: str) -> KeyMade:
        """Give a key another secret, and tell it; the old one stops at once."""
        pepper = self._pepper()
        await self._in_force(name, self._now())
        secret, digest, hint = self._secret(pepper)
        if not await self._done(lambda store: store.rotate(name, digest, hint)):
            _refuse_shut(name)
        await self._audit.note(who, "rotate key", name)
        return KeyMade(name, secret, hint, [])

    async def revoke(self, who: Identity, name: str) -> KeyRevoked:
        """Have a key open nothing any more, for ever."""
        now = self._now()
        await self._check(name)
        revoked = await self._done(lambda store: store.revoke(name, now))
        if revoked:
            await self._audit.note(who, "revoke key", name)
        elif await self._get(name) is None:
            await self._refuse_unknown(name)
        return KeyRevoked(name, revoked)

    def _pepper(self) -> bytes:
        if self._desk.pepper is None:
            raise Refusal(409, "no_pepper", NO_PEPPER)
        return self._desk.pepper.reveal().encode()

    def _secret(self, pepper: bytes) -> tuple[str, str, str]:
        """Return a new secret, its digest, and what may be shown of it."""
        secret = new_secret(self._random(SECRET_BYTES))
        return secret, digest_of(secret.encode(), pepper), hint_of(secret)

    async def _in_force(self, name: str, now: int) -> None:
        """Refuse what is no key of the database, or opens nothing."""
        await self._check(name)
        record = await self._get(name)
        if record is None:
            await self._refuse_unknown(name)
        if not record.holds(now):
            _refuse_shut(name)

    async def _check(self, name: str) -> None:
        """Refuse what can be no key's name, and what not every database can look for."""
        if not name.isprintable():
            await self._refuse_unknown(name)

    async def _get(self, name: str) -> KeyRecord | None:
        return await self._done(lambda store: store.get(name), reading=True)

    async def _refuse_unknown(self, name: str) -> NoReturn:
        """Say that there is no such key to change, and which one may be meant."""
        if any(record.name == name for record in self._desk.keys):
            said = IN_FILE.format(name=_named(name), file=self._desk.source)
            raise Refusal(409, "key_of_the_file", said)
        kept = await self.kept()
        if name in kept.damaged:
            raise Refusal(409, "key_damaged", f"The key {_named(name)} is damaged in the database.")
        near = get_close_matches(name, [record.name for record in kept.records], 1)
        advice = f" Did you mean {_named(near[0])}?" if near else ""
        raise Refusal(404, "not_found", f"There is no key {_named(name)}.{advice}")

    async def _done(self, job: Callable[[KeyStore], T], *, reading: bool = False) -> T:
        """Have something done with the database's keys."""
        if self._archive is None:
            raise Refusal(409, "no_database", NO_DATABASE)

        def work(connection: Connection) -> T:
            return job(KeyStore(connection))

        try:
            return await (self._archive.read(work) if reading else self._archive.write(work))
        except (Busy, DatabaseFault) as fault:
            raise Refusal(503, "database_away", str(fault), retry_after=1) from None


def _drafted(draft: Callable[[], Drafted]) -> Drafted:
    try:
        return draft()
    except BadDraft as bad:
        raise Refusal(400, "invalid_value", f"{bad}.") from None


def _refuse_shut(name: str) -> NoReturn:
    raise Refusal(409, "key_not_in_force", SHUT.format(name=_named(name)))


def _named(name: str) -> str:
    return f'"{printable(name)}"'
