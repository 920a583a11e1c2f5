"""The sources that a configuration asks for are made, and nobody is asked for anything yet."""

from pathlib import Path

import pytest

from gateway.upstream.grants import Seams, open_tokens
from gateway.upstream.tokens import learns_nothing
from gateway.words.grants import AwsGrant, EntraGrant, GoogleGrant, Grant
from gateway.words.secret import Secret
from tests.token_place import Lines

ENTRA = EntraGrant("t", "a", Secret("s"))


def seams(folder: Path) -> Seams:
    return Seams(lambda: 0.0, lambda: 0.5, learns_nothing, folder)


@pytest.mark.parametrize(
    "grant", [ENTRA, AwsGrant(), GoogleGrant("key.json"), GoogleGrant(), GoogleGrant(metadata=True)]
)
def test_each_kind_of_source_is_made(grant: Grant, tmp_path: Path) -> None:
    tokens = open_tokens({"p": grant}, seams(tmp_path), Lines())
    assert [each.name for each in tokens.grants.values()] == ["p"]


def test_without_any_there_is_nobody_to_ask(tmp_path: Path) -> None:
    assert open_tokens({}, seams(tmp_path), Lines()).grants == {}
