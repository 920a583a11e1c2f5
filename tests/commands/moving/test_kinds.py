"""Names that others have for providers: each is one of our kinds, at an address that is one."""

import re

import pytest

from gateway.commands.moving.kinds import LITELLM, PORTKEY, Peer, provider_of_model
from gateway.providers.address import parse_base_url
from gateway.providers.table import TABLE

PEERS = {**LITELLM, **{f"portkey {name}": peer for name, peer in PORTKEY.items()}}


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_is_asked_as_one_of_our_kinds_or_has_advice(name: str) -> None:
    peer = PEERS[name]
    if not peer.kind:
        assert peer == Peer(advice=peer.advice)
        assert peer.advice.endswith(".")
        return
    assert peer.kind in TABLE
    if peer.base_url:
        origin, _ = parse_base_url(peer.base_url)
        assert origin.scheme == "https" or origin.host == "127.0.0.1"
    assert re.fullmatch(r"[A-Z0-9_]*", peer.variable)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-5.2", "openai"),
        ("claude-opus-4-5", "anthropic"),
        ("command-a", "cohere"),
        ("gemini-2.5-pro", "vertex_ai"),
        ("mistralai/mistral-7b", ""),
    ],
)
def test_a_model_without_a_provider_is_whom_litellm_takes_it_for(model: str, name: str) -> None:
    assert provider_of_model(model) == name
