"""Tokens of Google's: which file says what, what is asked with it, what goes wrong."""

import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import trio

from gateway.upstream.google import METADATA_PATH, SCOPE, TOKEN_URI, VARIABLE, Google
from gateway.upstream.probe import client_on
from gateway.words.call import UpstreamRequest
from gateway.words.grants import GoogleGrant
from gateway.words.target import Origin, Target
from tests.stage import TODAY
from tests.token_place import TokenPlace, given

ACCOUNT = {
    "type": "service_account",
    "client_email": "gateway@project.test",
    "private_key": "-----BEGIN PRIVATE KEY-----\n",
    "private_key_id": "k1",
    "token_uri": "https://oauth.test/token",
}
USER = {
    "type": "authorized_user",
    "client_id": "id-1",
    "client_secret": "user-secret",
    "refresh_token": "refresh-1",
    "quota_project_id": "pays",
}


def told(key: str, name: str, claims: Mapping[str, object]) -> str:
    return json.dumps([key, name, claims])


def google(grant: GoogleGrant, environ: Mapping[str, str] | None = None) -> Google:
    return Google(grant, environ or {}, lambda: TODAY, told, trio.CapacityLimiter(1))


def written(folder: Path, said: object, name: str = "key.json") -> str:
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(said if isinstance(said, str) else json.dumps(said))
    return str(place)


async def test_a_service_account_signs_what_it_asks_with(tmp_path: Path) -> None:
    place = TokenPlace(given())
    source = google(GoogleGrant(written(tmp_path, ACCOUNT)))
    fetched = await source.fetch(client_on(place))
    assert place.urls == ["https://oauth.test/token"]
    form = parse_qs(place.bodies[0].decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assert json.loads(form["assertion"][0]) == [
        ACCOUNT["private_key"],
        "k1",
        {
            "iss": "gateway@project.test",
            "scope": SCOPE,
            "aud": "https://oauth.test/token",
            "iat": int(TODAY),
            "exp": int(TODAY) + 3600,
        },
    ]
    assert fetched.lasts == 3600.0


async def test_a_user_asks_with_what_gcloud_has_kept(tmp_path: Path) -> None:
    place = TokenPlace(given())
    fetched = await google(GoogleGrant(written(tmp_path, USER))).fetch(client_on(place))
    assert place.urls == [TOKEN_URI]
    assert parse_qs(place.bodies[0].decode()) == {
        "grant_type": ["refresh_token"],
        "client_id": ["id-1"],
        "client_secret": ["user-secret"],
        "refresh_token": ["refresh-1"],
    }
    request = UpstreamRequest("POST", "/", (), b"")
    asked = Target("p", "k", "f", Origin("https", "a.test", 443), "", "m")
    assert fetched.credentials.headers(asked, request)[1:] == ((b"x-goog-user-project", b"pays"),)


async def test_a_user_without_a_project_names_none(tmp_path: Path) -> None:
    said = USER | {"quota_project_id": "no\nproject"}
    place = TokenPlace(given())
    fetched = await google(GoogleGrant(written(tmp_path, said))).fetch(client_on(place))
    asked = Target("p", "k", "f", Origin("https", "a.test", 443), "", "m")
    assert len(fetched.credentials.headers(asked, UpstreamRequest("POST", "/", (), b""))) == 1


async def test_the_machines_own_account_is_asked_for_where_that_is_said() -> None:
    place = TokenPlace(given())
    await google(GoogleGrant(metadata=True)).fetch(client_on(place))
    assert place.urls == [f"http://169.254.169.254{METADATA_PATH}"]
    assert (place.methods, place.heads[0]["metadata-flavor"]) == (["GET"], "Google")


@pytest.mark.parametrize("by", ["variable", "folder", "home"])
async def test_where_the_file_is(by: str, tmp_path: Path) -> None:
    usual = "application_default_credentials.json"
    environ = {
        "variable": {VARIABLE: written(tmp_path, ACCOUNT), "HOME": "/nowhere"},
        "folder": {"CLOUDSDK_CONFIG": str(tmp_path)},
        "home": {"HOME": str(tmp_path)},
    }[by]
    written(tmp_path, ACCOUNT, usual)
    written(tmp_path, ACCOUNT, f".config/gcloud/{usual}")
    place = TokenPlace(given())
    await google(GoogleGrant(), environ).fetch(client_on(place))
    assert place.urls == ["https://oauth.test/token"]


async def test_a_file_that_was_exchanged_is_read_anew(tmp_path: Path) -> None:
    place = TokenPlace(given())
    source = google(GoogleGrant(written(tmp_path, ACCOUNT)))
    await source.fetch(client_on(place))
    written(tmp_path, USER)
    await source.fetch(client_on(place))
    assert place.urls == ["https://oauth.test/token", TOKEN_URI]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("private nonsense", "is no file of Google's credentials"),
        ("[" * 60_000, "is no file of Google's credentials"),
        ({"type": "external_account"}, "is neither of a service_account nor of an authorized_user"),
        (ACCOUNT | {"private_key": ""}, "lacks a part of what a file of an service_account holds"),
        (USER | {"refresh_token": ""}, "lacks a part of what a file of an authorized_user holds"),
        (ACCOUNT | {"token_uri": "http://elsewhere.test/"}, "the token_uri of its file"),
    ],
)
async def test_what_is_no_file_of_credentials_is_told_without_its_words(
    said: object, reason: str, tmp_path: Path
) -> None:
    place = TokenPlace(given())
    with pytest.raises(ValueError, match=reason) as caught:
        await google(GoogleGrant(written(tmp_path, said))).fetch(client_on(place))
    assert "private nonsense" not in str(caught.value)
    assert place.urls == []


async def test_a_file_that_is_not_there_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read .*none\.json: No such file"):
        await google(GoogleGrant(str(tmp_path / "none.json"))).fetch(client_on(TokenPlace(b"")))
