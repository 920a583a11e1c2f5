"""Homes: what a configuration offers to routes, with all that is said of each merged."""

from pathlib import Path

import msgspec
import pytest

from gateway.config.compose import Config
from gateway.config.homes import homes_of, keyring_of, known_secrets
from gateway.config.mistakes import ConfigMistake
from gateway.furnish import keys_of
from gateway.policy.keys import KeyRecord, digest_of
from gateway.policy.offers import Alias, Rules
from gateway.providers import ProbeOptions
from gateway.words.secret import Secret
from gateway.words.target import Conduct, Cooldown, Origin, Timeouts
from tests.config.texts import load

TEXT = """
[defaults.timeouts]
connect = 1.0
idle = 2.0

[providers.openai]
api_keys = [{ env = "KEY" }, { env = "OTHER" }]
models = ["gpt-5.2"]
headers = { "OpenAI-Organization" = "org-1" }
max_connections = 7
timeouts = { idle = 3.0, total = 4.0 }

[providers.azure]
kind = "openai"
base_url = "https://Example.com:8443/openai/"
models = { "gpt-5.2-mini" = "prod-mini" }

[providers.local]
kind = "openai"
base_url = "http://[::1]:8000/v1"
prefix = "local/"

[providers.lister]
kind = "openai"
base_url = "http://127.0.0.1:9000"
models = "*"
prefix = "more/"

[providers."Some Echo"]
kind = "echo"
words_per_second = 5

[models]
smart = { targets = ["gpt-5.2"], timeouts = { total = 9.0 } }
"gpt-5.2" = { timeouts = { first_token = 8.0, total = 8.0 } }
"""
ENVIRON = {"KEY": "sk-first", "OTHER": "sk-second"}


def test_a_kind_that_is_known_by_name_is_an_offer_like_any_other(tmp_path: Path) -> None:
    text = "[providers.vllm]\nrunning_usage = true\n[providers.ollama]"
    vllm, ollama, _ = homes_of(load(text, tmp_path, ENVIRON)).offers
    assert (vllm.target.kind, vllm.target.form, vllm.listing) == ("vllm", "chat", True)
    assert vllm.target.origin == Origin("http", "127.0.0.1", 8000)
    assert (vllm.target.running_usage, ollama.target.running_usage) == (True, False)


def test_every_provider_makes_an_offer(tmp_path: Path) -> None:
    openai, azure, local, lister, echo = homes_of(load(TEXT, tmp_path, ENVIRON)).offers
    assert openai.provider == "openai"
    assert openai.names == {"gpt-5.2": "gpt-5.2"}
    assert [key.reveal() for key in openai.keys] == ["sk-first", "sk-second"]
    assert openai.target.origin == Origin("https", "api.openai.com", 443)
    assert openai.target.path == "/v1"
    assert (openai.target.kind, openai.target.form) == ("openai", "chat")
    assert (openai.target.model, openai.target.key) == ("", None)
    assert openai.target.headers == ((b"openai-organization", b"org-1"),)
    assert openai.target.max_connections == 7
    assert azure.names == {"gpt-5.2-mini": "prod-mini"}
    assert azure.target.origin == Origin("https", "example.com", 8443)
    assert azure.target.path == "/openai"
    assert (local.prefix, local.listing, local.anything) == ("local/", False, True)
    assert local.target.origin == Origin("http", "::1", 8000)
    assert (lister.prefix, lister.listing, lister.anything) == ("more/", True, False)
    assert lister.target.path == ""
    assert echo.names == {"echo": "echo"}


def test_a_built_in_model_has_a_host_of_its_own_and_its_pace(tmp_path: Path) -> None:
    homes = homes_of(load(TEXT, tmp_path, ENVIRON))
    origin = homes.offers[-1].target.origin
    assert (origin.scheme, origin.port) == ("echo", 0)
    assert origin.host.isalnum()
    assert homes.paces == {origin.host: 5.0}
    assert homes_of(load("", tmp_path)).paces == {"echo": 50.0}


def test_clocks_come_from_the_provider_then_the_defaults(tmp_path: Path) -> None:
    openai, azure, *_ = homes_of(load(TEXT, tmp_path, ENVIRON)).offers
    assert openai.target.timeouts == Timeouts(connect=1.0, idle=3.0, total=4.0)
    assert azure.target.timeouts == Timeouts(connect=1.0, idle=2.0)


def test_an_alias_holds_what_is_said_of_its_own_name_alone(tmp_path: Path) -> None:
    assert homes_of(load(TEXT, tmp_path, ENVIRON)).aliases == {
        "smart": Alias(targets=("gpt-5.2",), seconds={"total": 9.0}),
        "gpt-5.2": Alias(seconds={"first_token": 8.0, "total": 8.0}),
    }


CONDUCT = """
[defaults]
retries = 1
hedge_after = 2
order = ["b", "a"]
strategy = "spread"
affinity = false
cooldown = { failures = 5 }

[providers.a]
kind = "openai"
models = ["m"]
resume = "verified"
cooldown = { rest = 60 }
cache = { ttl = 9 }
probe = { interval = 10, path = "/health" }

[providers.b]
kind = "openai"
models = ["m", "n"]
retries = 0
probe = { path = "/health" }

[models.both]
targets = ["m", "n"]
order = []
strategy = "fastest"
affinity = true
prefill = true
resume = "off"
coalesce = true
cache = { ttl = 1 }
cooldown = { window = 7 }

[fallbacks]
"b*" = "n"
m = ["n", "both"]

[context_fallbacks]
n = "m"
"""


def test_the_conduct_of_a_provider_is_its_own_over_the_defaults(tmp_path: Path) -> None:
    a, b, _ = homes_of(load(CONDUCT, tmp_path)).offers
    rest = Cooldown(failures=5, rest=60.0)
    assert a.target.conduct == Conduct(
        retries=1, hedge_after=2.0, resume=True, cooldown=rest, cache_ttl=9.0
    )
    assert b.target.conduct == Conduct(retries=0, hedge_after=2.0, cooldown=Cooldown(failures=5))


def test_an_alias_says_its_conduct_in_the_words_of_a_target(tmp_path: Path) -> None:
    homes = homes_of(load(CONDUCT, tmp_path))
    alias = homes.aliases["both"]
    cooldown = Cooldown(failures=5, window=7.0)
    assert alias == Alias(
        targets=("m", "n"),
        order=(),
        strategy="fastest",
        affinity=True,
        conduct={"resume": False, "coalesce": True, "cache_ttl": 1.0, "cooldown": cooldown},
        prefill=True,
    )
    target = alias.over(homes.offers[0].target)
    assert target.conduct == Conduct(
        retries=1, hedge_after=2.0, coalesce=True, cache_ttl=1.0, cooldown=cooldown
    )


def test_the_rules_are_those_of_all_names(tmp_path: Path) -> None:
    assert homes_of(load(CONDUCT, tmp_path)).rules == Rules(
        order=("b", "a"),
        strategy="spread",
        affinity=False,
        fallbacks={"b*": ("n",), "m": ("n", "both")},
        context_fallbacks={"n": ("m",)},
    )
    assert homes_of(load("", tmp_path)).rules == Rules()


def test_only_who_is_to_be_asked_now_and_again_has_a_probe(tmp_path: Path) -> None:
    probes = homes_of(load(CONDUCT, tmp_path)).probes
    assert probes == {"a": ProbeOptions(interval=10.0, path="/health", timeout=5.0)}


def test_r11_every_secret_is_known_to_whoever_scrubs(tmp_path: Path) -> None:
    text = TEXT.replace('"OpenAI-Organization" = "org-1"', '"X-Api-Key" = "header-secret", a = "b"')
    found = [secret.reveal() for secret in known_secrets(load(text, tmp_path, ENVIRON))]
    assert found == ["sk-first", "sk-second", "header-secret"]


PEPPER = "0123456789abcdef"
KEYS = f"""
[auth]
pepper = {{ env = "PEPPER" }}
[groups]
some = ["echo"]
[teams.few]
models = ["@some"]
[[keys]]
name = "ci"
hash = "{digest_of(b"a secret", PEPPER.encode())}"
team = "few"
"""


def test_a_keyring_holds_the_keys_of_the_file_and_further_ones(tmp_path: Path) -> None:
    config = load(KEYS, tmp_path, {"PEPPER": PEPPER})
    further = KeyRecord("further", digest_of(b"another", PEPPER.encode()))
    keyring = keyring_of(config, [further])
    assert keyring.names == ("ci", "further")
    caller = keyring.identify(b"a secret", 0.0)
    assert caller is not None
    assert (keyring.may(caller, "echo"), keyring.may(caller, "other")) == (True, False)
    assert keyring_of(config).names == ("ci",)
    assert PEPPER in [secret.reveal() for secret in known_secrets(config)]


def test_s18_there_is_no_keyring_without_a_pepper(tmp_path: Path) -> None:
    assert len(keyring_of(Config())) == 0
    config = msgspec.structs.replace(Config(), source=tmp_path / "gateway.toml")
    for given, where in ((Config(), "no file"), (config, str(tmp_path / "gateway.toml"))):
        with pytest.raises(ConfigMistake) as caught:
            keyring_of(given, [KeyRecord("further", "0" * 64)])
        assert str(caught.value).startswith(f"{where}: auth.pepper: is missing")


def test_the_inner_key_makes_nobody_show_a_key(tmp_path: Path) -> None:
    inner = Secret("i" * 43)
    config = msgspec.structs.replace(load("", tmp_path), inner_key=inner)
    keyring = keyring_of(config)
    assert len(keyring) == 0
    assert keyring.identify(inner.reveal().encode(), 0.0) is not None
    assert keys_of(config, ()) is None
    assert inner.reveal() in [secret.reveal() for secret in known_secrets(config)]


def test_the_inner_key_opens_what_needs_keys_whatever_the_database_says(tmp_path: Path) -> None:
    shown = b"i" * 43
    text = "[auth]\npepper = { env = 'PEPPER' }\n[store]\ndatabase = 'sqlite:///a.db'"
    config = load(text, tmp_path, {"PEPPER": "0123456789abcdef"})
    config = msgspec.structs.replace(config, inner_key=Secret(shown.decode()))
    record = KeyRecord("ci", digest_of(b"s", b"0123456789abcdef"))
    keys = keys_of(config, (record,))
    assert keys is not None
    assert [keys.identify(each, 0.0) is not None for each in (shown, b"s", b"t")] == [1, 1, 0]
