"""What tests of passages share: two callers, and few words for what they ask and are told."""

import json

from gateway.policy.keys import KeyRecord, digest_of
from tests.caller import Reply
from tests.stage import Stage, answer, get, post

PEPPER = b"a pepper of a test"
ADA, BEN = "ngw-" + "a" * 43, "ngw-" + "b" * 43
FILE = {"id": "file-ada1", "object": "file", "purpose": "batch"}
NOT_FOUND = (404, "object_not_found")


def record(name: str, secret: str, **more: object) -> KeyRecord:
    return KeyRecord(name, digest_of(secret.encode(), PEPPER), **more)  # type: ignore[arg-type]


def told(value: object, status: int = 200, *, more: bool = False) -> bytes:
    """Return an answer; the provider has no other on this connection, unless there is more."""
    return last(status, json.dumps(value).encode()) if not more else json_answer(status, value)


def json_answer(status: int, value: object) -> bytes:
    return answer(status, json.dumps(value).encode())


def last(status: int, body: bytes, *fields: bytes, media: bytes = b"application/json") -> bytes:
    return answer(status, body, b"connection: close", *fields, media=media)


def key(secret: str) -> str:
    return f"Authorization: Bearer {secret}"


async def ask(stage: Stage, secret: str, method: str, path: str, body: object = None) -> Reply:
    if body is None:
        return await stage.ask(get(path, key(secret), method=method)).reply()
    return await stage.ask(post(json.dumps(body).encode(), key(secret), path=path)).reply()


def refusal(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.error["code"]


async def made(stage: Stage, secret: str, path: str, said: object) -> None:
    """Have something made for a caller."""
    stage.provider(told(said))
    assert (await ask(stage, secret, "POST", path, {})).status == 200
