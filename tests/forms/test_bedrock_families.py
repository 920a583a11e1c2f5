"""Families of models on AWS Bedrock, as their ids say."""

import pytest

from gateway.forms.bedrock_families import (
    Family,
    caches,
    caches_tools,
    family_of,
    reads_signatures,
    takes_one_at_a_time,
)

OWN = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc123"


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", Family.CLAUDE),
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-4-7", Family.CLAUDE),
        ("us.amazon.nova-2-lite-v1:0", Family.NOVA),
        ("openai.gpt-oss-120b-1:0", Family.OSS),
        ("global.openai.gpt-5.6-luna", Family.GPT),
        ("meta.llama3-70b-instruct-v1:0", Family.OTHER),
        (OWN, Family.UNKNOWN),
    ],
)
def test_the_id_says_the_family(model: str, family: Family) -> None:
    assert family_of(model) is family


@pytest.mark.parametrize(
    ("model", "prompt", "tools"),
    [
        ("anthropic.claude-opus-4-7", True, True),
        ("amazon.nova-pro-v1:0", True, False),
        ("mistral.mistral-large-2407-v1:0", False, False),
        ("openai.gpt-oss-20b-1:0", False, False),
        (OWN, True, True),
    ],
)
def test_not_all_families_cache(model: str, prompt: bool, tools: bool) -> None:
    assert (caches(model), caches_tools(model)) == (prompt, tools)


@pytest.mark.parametrize(
    ("model", "takes"),
    [
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", True),
        ("global.anthropic.claude-opus-4-8", True),
        ("anthropic.claude-sonnet-5", True),
        ("anthropic.claude-sonnet-4-20250514-v1:0", False),
        ("anthropic.claude-opus-4-1-20250805-v1:0", False),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", False),
        ("amazon.nova-pro-v1:0", False),
        (OWN, False),
    ],
)
def test_newer_claudes_call_one_tool_at_a_time_where_they_are_told(model: str, takes: bool) -> None:
    assert takes_one_at_a_time(model) is takes


@pytest.mark.parametrize(
    ("model", "reads"),
    [
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", True),
        (OWN, True),
        ("amazon.nova-2-lite-v1:0", False),
        ("openai.gpt-oss-20b-1:0", False),
        ("deepseek.r1-v1:0", False),
    ],
)
def test_a_signature_is_shown_to_nobody_who_would_refuse_it(model: str, reads: bool) -> None:
    assert reads_signatures(model) is reads
