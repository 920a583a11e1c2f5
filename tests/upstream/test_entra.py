"""Tokens of Microsoft's directory: what is asked where."""

from urllib.parse import parse_qs

import pytest

from gateway.upstream.entra import Entra
from gateway.upstream.probe import client_on
from gateway.words.grants import EntraGrant
from gateway.words.secret import Secret
from tests.token_place import TokenPlace, given


async def test_an_application_shows_its_secret_for_a_token() -> None:
    place = TokenPlace(given())
    source = Entra(EntraGrant("te/nant", "app-1", Secret("app-secret")))
    fetched = await source.fetch(client_on(place))
    assert place.urls == ["https://login.microsoftonline.com/te%2Fnant/oauth2/v2.0/token"]
    assert parse_qs(place.bodies[0].decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["app-1"],
        "client_secret": ["app-secret"],
        "scope": ["https://cognitiveservices.azure.com/.default"],
    }
    assert fetched.lasts == 3600.0


async def test_another_cloud_has_another_directory() -> None:
    place = TokenPlace(given())
    grant = EntraGrant("t", "a", Secret("s"), "https://login.microsoftonline.us/", "scope")
    await Entra(grant).fetch(client_on(place))
    assert place.urls == ["https://login.microsoftonline.us/t/oauth2/v2.0/token"]


def test_a_secret_is_not_shown_to_a_stranger_in_clear() -> None:
    with pytest.raises(ValueError, match="https://"):
        Entra(EntraGrant("t", "a", Secret("s"), "http://login.example.com"))
