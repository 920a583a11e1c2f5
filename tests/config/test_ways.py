"""Where requests go that pass through: a provider's address and first key, and no model."""

from pathlib import Path

from gateway.config.homes import homes_of
from gateway.config.ways import ways_of
from tests.config.texts import load

TEXT = """
[providers.openai]
api_keys = [{ env = "KEY" }, { env = "OTHER" }]
models = ["m"]
headers = { "OpenAI-Organization" = "org-1" }
[providers.local]
kind = "openai"
base_url = "http://127.0.0.1:8000/v1"
models = ["n"]
[passthrough]
files = "openai"
batches = "local"
"""


def test_an_area_goes_to_its_provider_with_the_first_key(tmp_path: Path) -> None:
    config = load(TEXT, tmp_path, {"KEY": "sk-first", "OTHER": "sk-second"})
    ways = ways_of(config, homes_of(config))
    assert {area: target.name for area, target in ways.areas.items()} == {
        "files": "openai/files",
        "batches": "local/batches",
    }
    target = ways.areas["files"]
    assert target.key is not None
    assert (target.key.reveal(), target.key_number) == ("sk-first", 1)
    assert (str(target.origin), target.base) == ("https://api.openai.com:443", "/v1")
    assert target.headers == ((b"openai-organization", b"org-1"),)
    assert (ways.areas["batches"].key, ways.areas["batches"].key_number) == (None, 0)


def test_every_provider_but_the_built_in_has_an_api_of_its_own(tmp_path: Path) -> None:
    config = load(TEXT, tmp_path, {"KEY": "sk-first", "OTHER": "sk-second"})
    ways = ways_of(config, homes_of(config))
    assert {name: target.name for name, target in ways.providers.items()} == {
        "openai": "openai/passthrough",
        "local": "local/passthrough",
    }
