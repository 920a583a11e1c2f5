"""Secrets: fetched from where the operator says, refused where empty, never repeated."""

from pathlib import Path

import pytest

from gateway.config.files import Files
from gateway.config.secrets import Secrets, source_of


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    (tmp_path / "key").write_bytes(b"  from-file\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "blank").write_bytes(b" \n")
    environ = {"KEY": "from-environment", "BLANK": "  ", "EMPTY": "", "SPLIT": "a\nb", "WIDE": "ä"}
    return Secrets(environ, Files(tmp_path))


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ({"env": "KEY"}, "from-environment"),
        ({"file": "key"}, "from-file"),
        ("written out", None),
        ("written-out", "written-out"),
    ],
)
def test_a_secret_is_fetched_from_where_it_is(
    secrets: Secrets, said: object, secret: str | None
) -> None:
    """R13."""
    if secret is None:
        with pytest.raises(ValueError, match="holds a space"):
            secrets.fetch(said)
    else:
        assert secrets.fetch(said).reveal() == secret


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"env": "NONE"}, "the environment variable NONE is not set"),
        ({"env": "sk-a-secret"}, "env must be the name of an environment variable"),
        ({"env": "EMPTY"}, "the environment variable EMPTY is empty"),
        ({"env": "BLANK"}, "the environment variable BLANK is empty"),
        ({"file": "blank"}, "the file blank is empty"),
        ({"file": "binary"}, "the file binary is not text"),
        ("", "the secret is empty"),
    ],
)
def test_s18_an_empty_or_missing_secret_is_a_mistake_that_names_its_source(
    secrets: Secrets, said: object, reason: str
) -> None:
    with pytest.raises(ValueError) as caught:
        secrets.fetch(said)
    assert str(caught.value) == reason


@pytest.mark.parametrize("said", [{"env": "SPLIT"}, {"env": "WIDE"}])
def test_r5_a_secret_that_cannot_travel_in_a_header_is_refused_unseen(
    secrets: Secrets, said: dict[str, str]
) -> None:
    with pytest.raises(ValueError) as caught:
        secrets.fetch(said)
    assert str(caught.value) == (
        f"the environment variable {said['env']}"
        " holds a space, a control character or one outside ASCII"
    )


@pytest.mark.parametrize(
    "said", [{}, {"env": 1}, {"env": "KEY", "file": "key"}, {"environment": "KEY"}, 1, ["KEY"]]
)
def test_any_other_value_is_told_the_two_ways(secrets: Secrets, said: object) -> None:
    with pytest.raises(ValueError) as caught:
        secrets.fetch(said)
    assert str(caught.value) == 'expected { env = "NAME" } or { file = "path" }'


def test_a_missing_file_is_named(secrets: Secrets) -> None:
    with pytest.raises(ValueError, match="cannot read .*nowhere: No such file"):
        secrets.fetch({"file": "nowhere"})


def test_the_callers_own_key_is_not_taken_for_a_secret(secrets: Secrets) -> None:
    with pytest.raises(ValueError, match='"client" is no secret'):
        secrets.fetch("client")


def test_a_source_is_named_and_the_file_itself_is_none() -> None:
    assert source_of({"env": "KEY"}) == "environment variable KEY"
    assert source_of({"file": "key"}) == "file key"
    assert source_of("plain") is None
