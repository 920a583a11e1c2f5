"""The list of deployments: names with several homes, families of names, their order and prices."""

import pytest

from tests.commands.moving.samples import comments, example, parsed, sheet_of


def listed(*deployments: str, rest: str = "") -> str:
    return "model_list:\n" + "\n".join(f"- {each}" for each in deployments) + f"\n{rest}"


def deployment(name: str, model: str, more: str = "", info: str = "") -> str:
    return f"{{model_name: '{name}', litellm_params: {{model: '{model}'{more}}}{info}}}"


def test_deployments_in_an_order_are_asked_in_that_order() -> None:
    _, sheet = example("azure.yaml")
    assert parsed(sheet)["models"]["gpt-4o"] == {
        "prices": {"input": 3.0, "output": 10.0},
        "order": ["openai", "azure-3"],
        "strategy": "order",
    }
    assert "here a name has one price: the dearer counts." in comments(sheet)


def test_two_of_one_place_in_the_order_are_told() -> None:
    text = listed(
        deployment("a", "groq/b", ", order: 1"), deployment("a", "openai/b", ", order: 1")
    )
    assert "asked one after another, in the file's order" in comments(sheet_of(text))


@pytest.mark.parametrize(
    ("name", "model", "wanted"),
    [
        ("*", "openai/*", {"models": "*"}),
        ("groq/*", "groq/*", {"prefix": "groq/", "models": []}),
        ("openai/*", "openai/*", {"prefix": "openai/"}),
        ("my-*", "openai/*", {"prefix": "my-"}),
        ("bedrock/us.*", "bedrock/us.*", {"prefix": "bedrock/"}),
    ],
)
def test_a_family_of_names_is_a_prefix_or_a_list(
    name: str, model: str, wanted: dict[str, object]
) -> None:
    (found,) = parsed(sheet_of(listed(deployment(name, model))))["providers"].values()
    assert {key: found[key] for key in ("models", "prefix") if key in found} == wanted


@pytest.mark.parametrize(
    ("name", "model", "why"),
    [
        ("*", "openai/gpt-4", "any name would be answered by one model"),
        ("x-*", "openai/y-*", "any name would be answered by one model"),
        ("*", "azure/*", "lists no models, so its names must be written"),
        ("", "openai/a", "has no model_name that can be one here"),
        ("a", "azure/", "has no model_name that can be one here, or no model"),
        ("a", "sagemaker/x", "SageMaker's own calls are not spoken here"),
    ],
)
def test_what_nobody_can_be_asked_for_is_told_whole(name: str, model: str, why: str) -> None:
    sheet = sheet_of(listed(deployment(name, model, ", rpm: 5")))
    assert "providers" not in parsed(sheet)
    assert why in comments(sheet)
    assert "litellm_params.rpm = 5" in comments(sheet)


def test_a_family_that_is_broader_here_is_told() -> None:
    said = comments(sheet_of(listed(deployment("bedrock/us.*", "bedrock/us.*"))))
    assert "takes all names that begin like this" in said
    assert "begin like this" not in comments(sheet_of(listed(deployment("groq/*", "groq/*"))))


def test_names_that_are_written_stand_before_those_that_are_listed() -> None:
    everything = deployment("*", "openai/*")
    one = parsed(sheet_of(listed(everything, deployment("a", "groq/a"))))
    assert list(one["providers"]) == ["groq", "openai"]
    assert one["defaults"]["strategy"] == "order"
    several = listed(everything, deployment("a", "groq/a"), deployment("a", "mistral/a"))
    assert parsed(sheet_of(several))["models"]["a"]["strategy"] == "spread"
    twice = listed(everything, deployment("*", "openai/*", ", api_key: other"))
    assert parsed(sheet_of(twice))["defaults"]["strategy"] == "spread"
    assert "asked for such a name, too" in comments(sheet_of(twice))


def test_the_same_deployment_twice_is_one_home() -> None:
    sheet = sheet_of(listed(deployment("a", "groq/b"), deployment("a", "groq/b")))
    assert parsed(sheet)["providers"]["groq"]["models"] == {"a": "b"}
    assert "model_list[1]: is the same deployment as one before it" in comments(sheet)


def test_deployments_that_are_asked_in_different_ways_are_different_providers() -> None:
    text = listed(deployment("a", "groq/a", ", timeout: 700"), deployment("a", "groq/b"))
    found = parsed(sheet_of(text))
    assert found["providers"]["groq"]["timeouts"]["total"] == 700.0
    assert "timeouts" not in found["providers"]["groq-2"]
    assert "models" not in found


def test_limits_are_added_up_where_litellm_holds_to_them() -> None:
    two = listed(
        deployment("a", "groq/a", ", rpm: 5, tpm: 100"),
        deployment("a", "openai/a", ", rpm: 7", ", tpm: 'x'"),
        rest="router_settings: {routing_strategy: usage-based-routing-v2}",
    )
    assert parsed(sheet_of(two))["models"]["a"]["limits"] == {"requests_per_minute": 12}
    weighed = two.replace("usage-based-routing-v2", "simple-shuffle")
    assert "models" not in parsed(sheet_of(weighed))
    assert "it weighed deployments" in comments(sheet_of(weighed))
