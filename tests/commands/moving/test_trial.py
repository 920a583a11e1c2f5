"""What an import would write is tried: what the gateway refuses is known before."""

from pathlib import Path

from gateway.commands.moving.trial import faults, findings_in


def test_a_setting_that_is_refused_is_named() -> None:
    settings = {"region": "nowhere", "api_key": {"env": "ANY"}, "headers": {"host": "x"}}
    assert faults("bedrock", settings, "a", "b") == [
        ("headers", "is a header that the gateway writes itself"),
        ("region", "is no region of AWS's, such as eu-central-1"),
    ]
    assert faults("openai", {"api_key": {"env": "ANY"}}, "a", "b") == []
    assert [name for name, _ in faults("openai", {}, "a\n", "b")] == ["models"]


def test_a_text_is_read_as_if_its_variables_were_set(tmp_path: Path) -> None:
    text = '[providers.openai]\napi_key = { env = "KEY" }\nmodels = ["a"]\n'
    assert findings_in(text, tmp_path, ["KEY"]) == []
    (finding,) = findings_in(text, tmp_path, [])
    assert finding.text == "the environment variable KEY is not set"
    (finding,) = findings_in("x", tmp_path, [])
    assert finding.file == "the configuration"
