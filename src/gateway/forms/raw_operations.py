"""The operations that pass as they are, each with its path at a provider and its answers. Pure."""

from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.words.call import Call


class Operation(msgspec.Struct, frozen=True):
    """One operation in OpenAI's own form.

    `path` follows the target's own path, letter by letter (R1). With `form` it is asked by a form
    with files. `model` is the one that OpenAI takes where none is named. Of its answers, `bare` are
    sound or text and no JSON. `events` begins the names of a stream's events; it `closes` with its
    last word, or else with the end of its body.
    """

    path: str
    form: bool = False
    model: str = ""
    bare: bool = False
    events: str = ""
    closes: bool = False


OPERATIONS: Final[Mapping[str, Operation]] = {
    "completions": Operation("/completions"),
    "embeddings": Operation("/embeddings"),
    "moderation": Operation("/moderations", model="omni-moderation-latest"),
    "rerank": Operation("/rerank"),
    "image_generation": Operation("/images/generations", events="image_generation."),
    "image_edit": Operation("/images/edits", form=True, events="image_edit."),
    "image_variation": Operation("/images/variations", form=True),
    "speech": Operation("/audio/speech", bare=True, events="speech.", closes=True),
    "transcription": Operation(
        "/audio/transcriptions", form=True, bare=True, events="transcript.", closes=True
    ),
    "translation": Operation("/audio/translations", form=True, bare=True),
}
"""What is asked of a provider of OpenAI's form and is no chat completion, by operation."""

LAST_WORDS: Final = ("done", "completed")
"""How the names of events end that tell a result whole."""


def is_open(call: Call) -> bool:
    """Say whether an answer may be more than one kind: which it is shows once it comes."""
    return call.stream or OPERATIONS[call.operation].bare
