"""Deployments become tables of providers: one for each address, key and manner."""

from gateway.commands.moving.homes import Home, Providers, Settings
from gateway.commands.moving.sheet import Sheet
from gateway.config.lines import Key

KEY = {"api_key": {"env": "KEY"}}


def home(public: str, own: str, kind: str = "openai", settings: Settings | None = None) -> Home:
    sources: dict[Key, str] = {(public, own, "model"): "models"}
    return Home((public, own), public, own, kind, settings or {}, sources)


def test_what_is_asked_alike_is_one_provider_and_another_model_of_one_name_another() -> None:
    sheet = Sheet()
    providers = Providers(sheet)
    assert providers.place(home("a", "a", settings=KEY)) == ("openai", True)
    assert providers.place(home("b", "c", settings=KEY)) == ("openai", True)
    assert providers.place(home("a", "other", settings=KEY)) == ("openai-2", True)
    assert providers.place(home("a", "a", settings=KEY)) == ("openai", False)
    assert providers.place(home("a", "a", settings={"base_url": "https://host"})) == (
        "openai-compatible",
        True,
    )
    providers.write()
    assert sheet.tables == {
        ("providers", "openai"): {**KEY, "models": {"a": "a", "b": "c"}},
        ("providers", "openai-2"): {"kind": "openai", **KEY, "models": {"a": "other"}},
        ("providers", "openai-compatible"): {
            "kind": "openai",
            "base_url": "https://host",
            "models": ["a"],
        },
    }
    assert providers.homes("a") == ["openai", "openai-2", "openai-compatible"]
    assert sheet.trail["b", "c", "model"] == ("providers", "openai", "models")
    assert sheet.place_of(("a", "other", "x")) == ("providers", "openai-2")


def test_families_of_names_stand_behind_names() -> None:
    sheet = Sheet()
    providers = Providers(sheet)
    providers.place(home("", "*", settings=KEY))
    providers.place(home("groq/", "*", "groq"))
    providers.place(home("openai/", "*"))
    providers.place(home("openai/", "*"))
    providers.place(home("a", "a", "groq"))
    providers.write()
    assert list(sheet.tables.values()) == [
        {"kind": "groq", "models": ["a"]},
        {**KEY, "models": "*"},
        {"prefix": "groq/", "models": []},
        {"kind": "openai", "prefix": "openai/"},
    ]
    assert providers.listing() == 1
    assert providers.answers("whatever")


def test_a_name_is_answered_by_itself_or_behind_a_prefix() -> None:
    providers = Providers(Sheet())
    providers.place(home("a", "a"))
    providers.place(home("p/", "*"))
    answered = [name for name in ("a", "b", "p/b", "p/") if providers.answers(name)]
    assert answered == ["a", "p/b"]
    assert (providers.homes("b"), providers.listing()) == ([], 0)
