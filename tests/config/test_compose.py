"""One configuration: merged, guarded, and with the built-in model in it."""

from pathlib import Path

import msgspec
import pytest

from gateway.config.compose import (
    Config,
    config_of,
    counts_apart,
    has_database,
    listening,
    must_show_key,
)
from gateway.config.discover import discover
from gateway.config.mistakes import ConfigMistake
from gateway.downstream.options import AuthOptions, ListenOptions
from gateway.providers import echo, openai
from gateway.store.options import StoreOptions
from gateway.telemetry.options import LogOptions
from gateway.words.secret import Secret
from tests.config.texts import FILE, load, mistakes


def test_an_empty_file_is_a_configuration_of_defaults_and_echo(tmp_path: Path) -> None:
    config = load("", tmp_path)
    assert config.listen == ListenOptions()
    assert config.log == LogOptions()
    assert config.source == tmp_path / FILE
    assert config.providers == {"echo": echo.Options(kind="echo")}
    assert config.warnings == ()


def test_every_room_gets_its_own_part(tmp_path: Path) -> None:
    config = load(
        """
        [defaults.timeouts]
        idle = 5.0
        [telemetry]
        log_format = "json"
        [auth]
        required = false
        """,
        tmp_path,
    )
    assert config.defaults.timeouts.idle == 5.0
    assert config.log.log_format == "json"
    assert config.auth.required is False


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[budgets]\nusd = 1", "1: budgets: unknown table or key"),
        ("[provider.x]", "1: provider: unknown table or key; did you mean providers?"),
        ("server = 1", "1: server: expected a table, got a whole number"),
        ("[[telemetry]]", "1: telemetry: expected a table, got a list"),
        ("[defaults]\ntargets = []", "2: defaults.targets: unknown key"),
        (
            "[telemetry]\nlog_format = 'jsn'",
            '2: telemetry.log_format: expected "auto" or "text" or "json", got "jsn"'
            "; did you mean json?",
        ),
    ],
)
def test_what_is_not_built_is_unknown(tmp_path: Path, text: str, said: str) -> None:
    assert mistakes(text, tmp_path) == [f"gateway.toml:{said}"]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = '[server]\nhedtimeout = 1\nport = "x"\n[providers.openai]\nmodels = 1\n[stroe]\n'
    assert [said.partition(": ")[0] for said in mistakes(text, tmp_path)] == [
        "gateway.toml:2",
        "gateway.toml:3",
        "gateway.toml:5",
        "gateway.toml:6",
    ]


def test_a_keyless_gateway_beyond_loopback_must_be_wanted(tmp_path: Path) -> None:
    (said,) = mistakes('[server]\nhost = "0.0.0.0"', tmp_path)
    assert said.startswith("gateway.toml:2: server.host: listens beyond loopback, and there are no")
    assert "[auth] required = false" in said
    assert "[[keys]]" in said
    config = load('[server]\nhost = "0.0.0.0"\n[auth]\nrequired = false', tmp_path)
    assert config.warnings == (
        "gateway.toml:4: auth.required: open to whoever reaches 0.0.0.0: there are no keys",
    )
    assert load('[server]\nhost = "0.0.0.0"\nunix = "a.sock"', tmp_path).warnings == ()


KEYS = f"""
[auth]
pepper = {{ env = "KEY" }}
[[keys]]
name = "ci"
hash = "{"0" * 64}"
"""


def test_with_keys_others_may_reach_it(tmp_path: Path) -> None:
    config = load(f'[server]\nhost = "0.0.0.0"{KEYS}', tmp_path)
    assert config.warnings == ()
    assert must_show_key(config, len(config.keys))
    assert listening(config, host="10.0.0.1").warnings == ()


def test_keys_that_cannot_be_read_are_meant_to_be_there(tmp_path: Path) -> None:
    (said,) = mistakes(f'[server]\nhost = "0.0.0.0"{KEYS.replace("name", "nmae")}', tmp_path)[1:]
    assert said == "gateway.toml:6: keys[0].nmae: unknown key; did you mean name?"


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_keys_that_nobody_has_to_show_are_warned_of(tmp_path: Path, host: str) -> None:
    text = KEYS.replace("[auth]", "[auth]\nrequired = false")
    config = load(f'[server]\nhost = "{host}"{text}', tmp_path)
    said = f"open to whoever reaches {host}: there are keys, and nobody has to show one"
    assert config.warnings == (f"gateway.toml:4: auth.required: {said}",)
    assert not must_show_key(config, 1)
    (_, again) = listening(config, host="10.0.0.1").warnings
    assert again == said.replace(host, "10.0.0.1")


def test_a_database_may_hold_keys() -> None:
    assert not has_database(StoreOptions())
    config = Config(store=StoreOptions(database=Secret("sqlite:///gateway.db")))
    assert has_database(config.store)
    there = listening(config, host="10.0.0.1")
    assert there.warnings == ()
    assert must_show_key(there, 0)


def test_several_processes_count_together_by_the_shared_store_alone() -> None:
    one, two = ListenOptions(), ListenOptions(workers=2)
    shared = StoreOptions(shared=Secret("redis://localhost:6379/0"))
    assert [counts_apart(one, StoreOptions()), counts_apart(two, shared)] == [False, False]
    assert counts_apart(two, StoreOptions())


@pytest.mark.parametrize(
    ("auth", "host", "known", "must"),
    [
        (AuthOptions(), "127.0.0.1", 0, False),
        (AuthOptions(), "127.0.0.1", 1, True),
        (AuthOptions(), "10.0.0.1", 0, True),
        (AuthOptions(required=False), "10.0.0.1", 1, False),
        (AuthOptions(required=True), "127.0.0.1", 0, True),
    ],
)
def test_a_key_must_be_shown_once_there_is_one(
    auth: AuthOptions, host: str, known: int, *, must: bool
) -> None:
    assert must_show_key(Config(auth=auth, listen=ListenOptions(host=host)), known) is must


@pytest.mark.parametrize(
    "text",
    [
        '[providers.mine]\nkind = "echo"\nmodels = ["parrot"]',
        '[providers.openai]\nmodels = ["echo"]',
        '[providers.openai]\nmodels = ["a"]\n[models.echo]\ntargets = ["a"]',
    ],
)
def test_echo_is_not_added_where_its_kind_or_its_name_is_taken(tmp_path: Path, text: str) -> None:
    assert "echo" not in load(text, tmp_path).providers


def test_echo_gives_way_where_only_its_table_is_taken(tmp_path: Path) -> None:
    config = load('[providers.echo]\nkind = "openai"\nmodels = ["a"]', tmp_path)
    assert list(config.providers) == ["echo", "echo+"]
    assert isinstance(config.providers["echo+"], echo.Options)


def test_what_was_found_becomes_a_configuration() -> None:
    found = discover({"OPENAI_API_KEY": "sk-0123456789abcdef"}, {}, ListenOptions())
    config = config_of(found, ListenOptions(port=4080))
    assert list(config.providers) == ["openai", "echo"]
    assert config.listen.port == 4080
    assert config.source is None
    assert config.origins == {"providers.openai.api_key": "environment variable OPENAI_API_KEY"}


def test_what_was_found_is_not_opened_beyond_loopback() -> None:
    found = discover({}, {}, ListenOptions())
    with pytest.raises(ConfigMistake, match=r"^0\.0\.0\.0:4000: listens beyond loopback"):
        config_of(found, ListenOptions(host="0.0.0.0"))


def test_another_address_is_guarded_as_the_files_own() -> None:
    config = Config(providers={"a": openai.Options(base_url="http://127.0.0.1:8000/v1")})
    assert listening(config) is config
    assert listening(config, port=0).listen == ListenOptions(port=0)
    assert listening(config, host="::1").listen == ListenOptions(host="::1")
    with pytest.raises(ConfigMistake, match='^127.0.0.1:8000: is the base_url of the provider "a"'):
        listening(config, port=8000)
    with pytest.raises(ConfigMistake, match=r"^10\.0\.0\.1:4000: listens beyond loopback"):
        listening(config, host="10.0.0.1")


def test_another_address_takes_the_place_of_a_socket_path() -> None:
    config = Config(listen=ListenOptions(unix="/run/gateway.sock"))
    assert listening(config, port=4080).listen == ListenOptions(port=4080)


def test_an_open_address_is_warned_of_once() -> None:
    auth = msgspec.structs.replace(Config().auth, required=False)
    config = listening(Config(auth=auth), host="10.0.0.1")
    assert config.warnings == ("open to whoever reaches 10.0.0.1: there are no keys",)
    assert listening(config, port=4080).warnings == config.warnings
