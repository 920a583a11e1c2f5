"""How a command asks gateways that run: through their workers' control sockets, or their admin."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

import httpx2
import msgspec
import trio
from msgspec import Meta

from gateway.admin import token_file
from gateway.admin.workers import Workers, supervisors
from gateway.downstream.control import check_folder, folder_of
from gateway.downstream.live import SeenProcess
from gateway.upstream.dial import Dialer
from gateway.upstream.probe import client_on
from gateway.upstream.send import body_within
from gateway.upstream.transport import Transport

SYSTEM_FOLDER = Path("/run/nursery-gateway")
"""Where a service of systemd's has its control sockets (`RuntimeDirectory=nursery-gateway`)."""

PATIENCE = 10.0
MAX_ANSWER_BYTES = 67_108_864
UNAUTHORIZED = 401
OK = 200


Read = TypeVar("Read")


class Unanswered(Exception):
    """Nobody can be asked; it says why, and what to do."""


class Asked(Protocol):
    """Gateways that answer. Both raise `Unanswered`."""

    async def tree(self, limit: int) -> list[SeenProcess]:
        """Return all their workers, each with so many connections at most."""

    async def cancel(self, call: str) -> int:
        """Cancel the calls of this id; return how many those were."""


def folders(environ: Mapping[str, str]) -> list[Path]:
    """Return where gateways of this user, or of the system, have their sockets.

    One that another user has put there, or could write in, is none.
    """
    there = dict.fromkeys((folder_of(environ), SYSTEM_FOLDER))
    return [folder for folder in there if not is_anothers(folder)]


def is_anothers(folder: Path) -> bool:
    """Say whether what lies in a folder may be another user's; root's is everybody's."""
    try:
        check_folder(folder, {0, os.geteuid()})
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


@dataclass(frozen=True, slots=True)
class Sockets:
    """All gateways of this machine that this user may ask."""

    folders: Sequence[Path]

    async def tree(self, limit: int) -> list[SeenProcess]:
        return seen(await self._ask({"ask": "tree", "limit": limit}))

    async def cancel(self, call: str) -> int:
        return sum(_cancelled(each) for each in await self._ask({"ask": "cancel", "id": call}))

    async def _ask(self, question: Mapping[str, object]) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = []
        for folder in self.folders:
            for supervisor in supervisors(folder):
                answers += await Workers(folder, supervisor).ask(question)
        if not answers:
            where = ", ".join(map(str, self.folders)) or "no folder that is yours"
            raise Unanswered(
                f"No gateway that you may ask runs here: nobody answers in {where}."
                " As the user that runs it, or with --url, it can be asked."
            )
        return answers


@dataclass(frozen=True, slots=True)
class Site:
    """The admin of one gateway, wherever it is."""

    url: str
    token: str

    async def tree(self, limit: int) -> list[SeenProcess]:
        told = await self._ask("GET", f"/api/tree?limit={limit}")
        return _convert(told, Workshop).workers

    async def cancel(self, call: str) -> int:
        return _cancelled(await self._ask("POST", "/api/cancel", {"id": call}))

    async def ticket(self) -> str:
        """Have a token made that opens one session of the operator's page."""
        return _convert(await self._ask("POST", "/api/tickets"), Ticket).ticket

    async def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        content = b"" if body is None else msgspec.json.encode(body)
        transport = Transport(Dialer().connect)
        try:
            with trio.fail_after(PATIENCE):
                async with (
                    client_on(transport) as client,
                    client.stream(
                        method, self.url.rstrip("/") + path, headers=headers, content=content
                    ) as answer,
                ):
                    return _read(
                        answer.status_code, await body_within(answer, MAX_ANSWER_BYTES), self.url
                    )
        except (httpx2.HTTPError, httpx2.InvalidURL, trio.TooSlowError) as error:
            said = str(error) or f"no answer within {PATIENCE:g} seconds"
            raise Unanswered(f"The admin at {self.url} cannot be asked: {said}.") from None


def _read(status: int, body: bytes, url: str) -> dict[str, Any]:
    if status == UNAUTHORIZED:
        raise Unanswered(
            f"The admin at {url} refuses the key. Set GATEWAY_ADMIN_KEY to its [admin] key; the"
            " user that runs it needs none."
        )
    try:
        if status == OK and len(body) <= MAX_ANSWER_BYTES:
            return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        pass
    raise Unanswered(f"At {url} there is no admin of a gateway that can say this: {status}.")


def token_for(url: str, environ: Mapping[str, str], where: Iterable[Path]) -> str:
    """Return what opens the admin at this address: `GATEWAY_ADMIN_KEY`, or what it left in a file.

    Raises `Unanswered`.
    """
    if given := environ.get("GATEWAY_ADMIN_KEY", ""):
        if not (given.isascii() and given.isprintable()):
            raise Unanswered("GATEWAY_ADMIN_KEY holds what no key may: only printable ASCII.")
        return given
    for folder in where:
        for path in sorted(folder.glob(f"*{token_file.SUFFIX}")):
            found = token_file.read(path)
            if found is not None and found.url == url.rstrip("/"):
                return found.token
    raise Unanswered(
        f"No token for {url}: set GATEWAY_ADMIN_KEY to its [admin] key, or ask as the user that"
        " runs it."
    )


def admins(where: Iterable[Path]) -> list[Site]:
    """Return the admins that run here, as far as this user may. Raises `Unanswered`."""
    found = [
        Site(said.url, said.token)
        for folder in where
        for path in sorted(folder.glob(f"*{token_file.SUFFIX}"))
        if (said := token_file.read(path)) is not None
    ]
    if not found:
        raise Unanswered("No admin that you may ask runs here. With --url it can be asked.")
    return found


class Workshop(msgspec.Struct):
    """What an admin says of its workers."""

    workers: list[SeenProcess]


class Ticket(msgspec.Struct):
    """A token that opens one session; what is none stays off the terminal (R20)."""

    ticket: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]


class Cancelled(msgspec.Struct):
    """What is said to a cancel."""

    cancelled: int


def seen(answers: Sequence[dict[str, Any]]) -> list[SeenProcess]:
    """Read trees; what another version tells beside is passed over. Raises `Unanswered`."""
    return [_convert(answer, SeenProcess) for answer in answers]


def _cancelled(answer: dict[str, Any]) -> int:
    return _convert(answer, Cancelled).cancelled


def _convert(told: dict[str, Any], kind: type[Read]) -> Read:
    try:
        return msgspec.convert(told, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise Unanswered(f"The gateway answers in words of another version: {error}.") from None


def asked(url: str | None, folder: Path | None) -> Asked:
    """Return whom the options of a command mean. Raises `Unanswered`."""
    where = folders(os.environ) if folder is None else [folder]
    return Sockets(where) if url is None else Site(url, token_for(url, os.environ, where))
