"""How many tokens a call is taken for before anybody can count them."""

import json

import msgspec
import pytest
from msgspec import Raw

from gateway.policy.estimates import (
    ANSWER_TOKENS,
    ATTACHMENT_TOKENS,
    ATTACHMENTS,
    COUNTS,
    IMAGE_TOKENS,
    MOST_TOKENS,
    SMALL_BYTES,
    TOKEN_BYTES,
    prompt_of,
    size_of,
)
from gateway.words.call import Call, Upload


def call(**fields: object) -> Call:
    raw = {name: Raw(msgspec.json.encode(value)) for name, value in fields.items()}
    return Call("chat", "chat", "m", stream=False, show_usage=True, fields=raw)


def asked(text: object) -> int:
    """Return what is reserved for the request alone."""
    return size_of(call(messages=text)).estimate - ANSWER_TOKENS


def test_four_bytes_are_a_token_and_a_begun_one_counts() -> None:
    assert asked("a" * 38) == 10
    assert asked("a" * 39) == 11


@pytest.mark.parametrize("operation", sorted(COUNTS))
def test_to_count_takes_no_tokens(operation: str) -> None:
    counting = msgspec.structs.replace(call(messages="a" * 400), operation=operation)
    assert size_of(counting).estimate == 0
    assert prompt_of(counting) > 100


def test_what_is_asked_is_told_without_the_answer() -> None:
    assert prompt_of(call(messages="a" * 38, max_tokens=4000)) == 10 + 1


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens", "max_output_tokens"])
def test_the_most_that_may_be_answered_is_reserved(name: str) -> None:
    assert size_of(call(**{name: 4000})).estimate == 1 + 4000


def test_the_newer_name_of_the_most_goes_before_the_older() -> None:
    assert size_of(call(max_tokens=9000, max_completion_tokens=10)).estimate == 2 + 10


@pytest.mark.parametrize("most", [None, "5", 2.5, True, 0, -3, [], {}])
def test_a_most_that_is_no_number_is_none(most: object) -> None:
    request = call(max_tokens=most)
    assert ANSWER_TOKENS < size_of(request).estimate <= ANSWER_TOKENS + 2


@pytest.mark.parametrize("most", [b"9" * 18, b"9" * 5000])
def test_a_most_beyond_all_reason_is_bounded(most: bytes) -> None:
    request = call()
    request.fields["max_tokens"] = Raw(most)
    assert size_of(request).estimate <= MOST_TOKENS + len(most)


@pytest.mark.parametrize(("choices", "answers"), [(1, 1), (3, 3), (10**9, 128), (0, 1), ("2", 1)])
def test_each_choice_is_an_answer(choices: object, answers: int) -> None:
    assert size_of(call(max_tokens=100, n=choices)).estimate // 100 == answers


def test_an_image_is_not_taken_for_text() -> None:
    url = "data:image/png;base64," + "A" * 1_000_000
    image = {"type": "image_url", "image_url": {"url": url}}
    assert ATTACHMENT_TOKENS <= asked([image]) <= ATTACHMENT_TOKENS + 30
    assert asked([image, image]) <= 2 * ATTACHMENT_TOKENS + 60


@pytest.mark.parametrize("order", [("type", "input_audio"), ("input_audio", "type")])
def test_a_sound_is_not_taken_for_text(order: tuple[str, str]) -> None:
    part = {"type": "input_audio", "input_audio": {"data": "A" * 1_000_000, "format": "wav"}}
    assert asked([{name: part[name] for name in order}]) <= ATTACHMENT_TOKENS + 40


def test_text_that_only_looks_like_an_attachment_counts() -> None:
    text = "The mark is ;base64, and then comes text. " + "More of it. " * 2000
    assert asked(text) == -(-(len(text) + 2) // TOKEN_BYTES)
    short = ";base64," + "A" * (SMALL_BYTES - 100)
    assert asked(short) == -(-len(json.dumps(short)) // TOKEN_BYTES)


def test_an_attachment_without_an_end_counts_as_text() -> None:
    request = call()
    request.fields["messages"] = Raw(b";base64," + b"A" * 8_000)
    assert size_of(request).estimate == 2002 + ANSWER_TOKENS


def test_only_so_many_attachments_are_told_apart() -> None:
    mark, length = ";base64,", 2 * ATTACHMENT_TOKENS * TOKEN_BYTES
    images = [mark.ljust(length, "A")] * (ATTACHMENTS + 10)
    size = len(msgspec.json.encode(images))
    assert asked(images) == -(-size // TOKEN_BYTES) - ATTACHMENTS * ATTACHMENT_TOKENS


def raw(operation: str, upload: int = 0, **fields: object) -> Call:
    """Return a call that passes as it is; with a form of so many bytes, if any."""
    form = Upload(b"b", b"x" * upload) if upload else None
    told = {name: Raw(msgspec.json.encode(value)) for name, value in fields.items()}
    return Call("raw", operation, "m", False, True, told, upload=form)


@pytest.mark.parametrize("operation", ["embeddings", "moderation", "rerank"])
def test_what_is_answered_without_tokens_is_asked_alone(operation: str) -> None:
    size = size_of(raw(operation, input="a" * 38, max_tokens=9, n=3))
    assert (size.most, size.choices, size.estimate) == (0, 1, 10 + 1)


@pytest.mark.parametrize(
    ("prompt", "prompts"),
    [
        ("a", 1),
        (None, 1),
        (["a"], 1),
        (["a", 'b "[" \\', "c", "\\"], 4),
        ([1, 2, 3], 1),
        ([[1, 2], [3]], 2),
        ([], 1),
        ({"a": "b"}, 1),
    ],
)
def test_each_prompt_of_a_completion_is_answered(prompt: object, prompts: int) -> None:
    size = size_of(raw("completions", prompt=prompt, max_tokens=100, n=2, best_of=3))
    assert (size.most, size.choices) == (3 * prompts * 100, 3 * prompts)
    assert size_of(raw("completions", max_tokens=100, n=2)).most == 200


def test_the_prompts_of_a_long_list_are_counted_at_less_leisure() -> None:
    long = "a" * 1_100_000
    assert size_of(raw("completions", prompt=[long, "b"])).choices == 2
    assert size_of(raw("completions", prompt=[long, '"b"'])).choices == 3


def test_completions_beyond_all_reason_are_bounded() -> None:
    assert size_of(raw("completions", prompt=["a"] * 10_000, n=128)).choices == 2048


@pytest.mark.parametrize("operation", ["image_generation", "image_edit", "image_variation"])
def test_images_are_taken_for_what_they_usually_are(operation: str) -> None:
    size = size_of(raw(operation, prompt="a" * 38, n=2))
    assert (size.most, size.choices) == (2 * IMAGE_TOKENS, 2)


def test_a_file_is_taken_for_an_attachment_at_most() -> None:
    assert prompt_of(raw("transcription", 40)) == 10
    assert prompt_of(raw("transcription", 10_000_000)) == ATTACHMENT_TOKENS


def test_a_completion_may_be_as_long_as_is_said() -> None:
    assert size_of(raw("completions", prompt="x", max_tokens=7, n=2)).most == 14
