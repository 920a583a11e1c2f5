"""Whether the admin opens a door by mistake (S11, S16, S18)."""

from pathlib import Path

import pytest

from gateway.admin.options import AdminOptions
from gateway.config.admin import faults
from gateway.config.compose import config_of, listening
from gateway.config.discover import discover
from gateway.config.mistakes import ConfigMistake
from gateway.downstream.options import ListenOptions
from gateway.words.secret import Secret
from tests.config.texts import load, mistakes

KEY = Secret("0123456789abcdef")


def wrong(admin: AdminOptions, listen: ListenOptions | None = None) -> list[str]:
    """Return the keys at which something is wrong."""
    return [name for name, _ in faults(admin, listen or ListenOptions())]


def test_s16_beyond_loopback_there_must_be_a_key() -> None:
    assert wrong(AdminOptions()) == []
    assert wrong(AdminOptions(host="localhost")) == []
    assert wrong(AdminOptions(host="::1")) == []
    for host in ("0.0.0.0", "::", "10.0.0.1", "gateway.example"):
        assert wrong(AdminOptions(host=host)) == ["host"]
        assert wrong(AdminOptions(host=host, key=KEY)) == []
        assert wrong(AdminOptions(host=host, port=0)) == []


def test_s18_a_key_that_can_be_guessed_is_a_mistake_even_where_there_is_no_admin() -> None:
    short = Secret("0123456789abcde")
    assert wrong(AdminOptions(key=short)) == ["key"]
    assert wrong(AdminOptions(key=short, port=0)) == ["key"]


@pytest.mark.parametrize(
    ("admin", "listen", "said"),
    [
        (AdminOptions(port=4000), ListenOptions(), ["port"]),
        (AdminOptions(port=4000, host="localhost"), ListenOptions(), ["port"]),
        (AdminOptions(port=4000), ListenOptions(host="0.0.0.0"), ["port"]),
        (AdminOptions(port=4000, key=KEY, host="10.0.0.2"), ListenOptions(), []),
        (AdminOptions(port=4000), ListenOptions(unix="/run/g.sock"), []),
        (AdminOptions(port=0), ListenOptions(port=0), []),
        (AdminOptions(), ListenOptions(port=4001), ["port"]),
    ],
)
def test_one_port_is_not_for_two(
    admin: AdminOptions, listen: ListenOptions, said: list[str]
) -> None:
    assert wrong(admin, listen) == said


def test_mistakes_of_a_file_have_their_line_and_show_no_secret(tmp_path: Path) -> None:
    text = '[admin]\nhost = "0.0.0.0"\nport = 4000\n'
    exposed, shared = mistakes(text, tmp_path)
    assert exposed.startswith("gateway.toml:2: admin.host: is not loopback")
    assert shared.startswith("gateway.toml:3: admin.port: is the port of [server] too")
    (short,) = mistakes('[admin]\nkey = { env = "SHORT" }\n', tmp_path, {"SHORT": "abc123"})
    assert short.startswith("gateway.toml:2: admin.key: is shorter than 16")
    assert "abc123" not in short
    (empty,) = mistakes('[admin]\nkey = { env = "EMPTY" }\n', tmp_path, {"EMPTY": " "})
    assert empty.endswith("the environment variable EMPTY is empty")


def test_what_is_asked_for_on_the_command_line_is_checked_too(tmp_path: Path) -> None:
    config = load("", tmp_path)
    assert listening(config, admin_port=0).admin.port == 0
    assert listening(config, port=5000, admin_port=4000).admin.port == 4000
    with pytest.raises(ConfigMistake, match=r"^127\.0\.0\.1:4001: admin\.port: is the port of"):
        listening(config, port=4001)


def test_where_nobody_has_written_anything_the_admin_gives_way() -> None:
    """The port is seen to be taken when the admin wants it; that is no mistake of anybody's."""
    listen = ListenOptions(port=4001)
    assert config_of(discover({}, {}, listen), listen).admin.port == 4001
