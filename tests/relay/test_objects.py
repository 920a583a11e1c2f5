"""Owners of objects that one process knows by itself."""

from gateway.policy.owners import Owners
from gateway.relay.objects import LocalObjects
from gateway.words.owned import Owned


async def test_api1_what_one_has_had_made_is_theirs_until_it_is_no_more() -> None:
    objects = LocalObjects()
    await objects.claim("file", ["file-1", "file-2", "no\nid"], "openai", b"team a")
    await objects.claim("file", ["file-1", "file-3"], "openai", b"team b")
    mine, theirs = Owned("file", "openai", b"team a"), Owned("file", "openai", b"team b")
    assert await objects.owner_of("file-1") == mine
    found = await objects.owners_of(["file-1", "file-3", "file-4", "no\nid"])
    assert found == {"file-1": mine, "file-3": theirs}
    await objects.forget("file-1")
    assert await objects.owner_of("file-1") is None


async def test_it_knows_no_more_than_it_may() -> None:
    owners = Owners(2)
    objects = LocalObjects(owners)
    await objects.claim("file", map(str, range(100)), "openai", b"team a")
    assert len(owners) == 2
