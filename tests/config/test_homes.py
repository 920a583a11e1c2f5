"""Homes: what a configuration offers to routes, with every clock merged."""

from pathlib import Path

import pytest

from gateway.config.homes import homes_of, known_secrets, merged
from gateway.policy.routes import Routes
from gateway.providers import TimeoutSettings
from gateway.words.errors import UnknownModel
from gateway.words.target import Origin, Timeouts
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


def test_clocks_come_from_the_model_then_the_provider_then_the_defaults(tmp_path: Path) -> None:
    homes = homes_of(load(TEXT, tmp_path, ENVIRON))
    routes = Routes(homes.offers, homes.aliases, {})
    assert homes.offers[0].target.timeouts == Timeouts(connect=1.0, idle=3.0, total=4.0)
    own = Timeouts(connect=1.0, first_token=8.0, idle=3.0, total=8.0)
    assert routes.plan("gpt-5.2", 0).timeouts == own
    alias = Timeouts(connect=1.0, first_token=8.0, idle=3.0, total=9.0)
    assert routes.plan("smart", 0).timeouts == alias
    assert routes.plan("gpt-5.2-mini", 0).timeouts == Timeouts(connect=1.0, idle=2.0)


def test_routes_find_every_configured_name(tmp_path: Path) -> None:
    homes = homes_of(load(TEXT, tmp_path, ENVIRON))
    routes = Routes(homes.offers, homes.aliases, {"lister": ["m"]})
    found = {
        name: routes.plan(name, 0).targets[0].name
        for name in ("smart", "gpt-5.2", "gpt-5.2-mini", "local/a/b", "more/m", "echo")
    }
    assert found == {
        "smart": "openai/gpt-5.2",
        "gpt-5.2": "openai/gpt-5.2",
        "gpt-5.2-mini": "azure/prod-mini",
        "local/a/b": "local/a/b",
        "more/m": "lister/m",
        "echo": "Some Echo/echo",
    }
    with pytest.raises(UnknownModel):
        routes.plan("prod-mini", 0)


def test_of_several_levels_the_last_that_says_so_counts() -> None:
    assert merged() == Timeouts()
    levels = (TimeoutSettings(idle=1.0, total=1.0), TimeoutSettings(), TimeoutSettings(idle=2.0))
    assert merged(*levels) == Timeouts(idle=2.0, total=1.0)


def test_r11_every_secret_is_known_to_whoever_scrubs(tmp_path: Path) -> None:
    text = TEXT.replace('"OpenAI-Organization" = "org-1"', '"X-Api-Key" = "header-secret", a = "b"')
    found = [secret.reveal() for secret in known_secrets(load(text, tmp_path, ENVIRON))]
    assert found == ["sk-first", "sk-second", "header-secret"]
