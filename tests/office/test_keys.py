"""What the admin knows of keys, as a configuration says it."""

from pathlib import Path

import pytest

from gateway.config.compose import Config
from gateway.office.keys import key_desk_of
from tests.admin.desks import ENVIRON, TEXT
from tests.config.texts import load


def test_the_desk_holds_what_the_file_says(tmp_path: Path) -> None:
    desk = key_desk_of(load(TEXT, tmp_path, ENVIRON))
    assert desk.source == str(tmp_path / "gateway.toml")
    assert [key.name for key in desk.keys] == ["nightly"]
    assert (list(desk.teams), desk.groups) == (["research"], {"frontier": ("gpt-5.2",)})
    assert set(desk.names) == {"echo", "gpt-5.2", "gpt-5.2-mini", "text-embedding-3-small"}
    assert desk.pepper is not None
    assert desk.pepper.reveal() == ENVIRON["PEPPER"]
    assert ENVIRON["PEPPER"] not in repr(desk)


def test_without_a_file_there_is_little_to_know() -> None:
    desk = key_desk_of(Config())
    assert (desk.source, desk.keys, desk.pepper, desk.names) == ("", (), None, ())


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        ("", "http://127.0.0.1:4000"),
        ('[server]\nhost = "::1"\nport = 80', "http://[::1]:80"),
        ('[server]\nunix = "/run/gateway.sock"', ""),
        ('[admin]\npublic_url = "https://ai.example.com"', "https://ai.example.com"),
    ],
)
def test_clients_are_told_the_address_from_outside(
    tmp_path: Path, lines: str, address: str
) -> None:
    assert key_desk_of(load(f"{TEXT}\n{lines}", tmp_path, ENVIRON)).address == address
