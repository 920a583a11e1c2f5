"""OpenAI, and every server that speaks its form: by an address, or as a kind with its own defaults.

Who such kinds are stands in `known.py`; `table.py` makes them.
"""

from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from gateway.providers import Settings
from gateway.words.client import Header
from gateway.words.secret import Secret
from gateway.words.target import Target

FORM = "chat"
OPENAI = "https://api.openai.com/v1"
RAW = "raw"
RESPONSES = "responses"


class Options(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server that speaks OpenAI's form."""

    USAGE_UNASKED: ClassVar[bool] = False
    """Whether it reports usage without being asked, and refuses to be."""

    RENAMES: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Fields that it knows by other names: OpenAI's, and its own."""

    KEEPS: ClassVar[tuple[str, ...]] = ()
    """Fields that it knows in messages and OpenAI does not."""

    DIALECT: ClassVar[str] = ""
    """In which manner it speaks OpenAI's form, where it has one of its own."""

    SPEAKS_RESPONSES: ClassVar[bool] = False
    """Whether it is known for speaking OpenAI's Responses too."""

    base_url: Annotated[
        str,
        Meta(
            min_length=1,
            description="Where its API begins: `http://` or `https://`, host, port, path.",
        ),
    ] = OPENAI
    running_usage: Annotated[
        bool,
        Meta(
            description="The server is asked to report usage with every event of a stream, as vLLM"
            " and SGLang can, so that a stream which breaks off is counted exactly. Clients see it"
            " there; other servers may refuse the call."
        ),
    ] = False
    responses: Annotated[
        bool | None,
        Meta(
            description="Whether the server speaks OpenAI's Responses API too: calls in that form"
            " pass to it as they are, else they are told as chat completions. Unsaid, it does where"
            " OpenAI itself is asked, and with kinds that are known for it."
        ),
    ] = None

    def fitted(self, target: Target) -> Target:
        """Return a target that says what it speaks beside chat."""
        speaks = self.responses
        if speaks is None:
            speaks = self.SPEAKS_RESPONSES or self.base_url.rstrip("/") == OPENAI
        also = (*target.also, RAW, *((RESPONSES,) if speaks else ()))
        return replace(target, also=also, keeps=self.KEEPS, dialect=self.DIALECT)


def credentials(key: Secret | None) -> tuple[Header, ...]:
    """Return the key as a bearer token; nothing where there is no key, as local servers want it."""
    if key is None:
        return ()
    return ((b"authorization", b"Bearer " + key.reveal().encode()),)


@dataclass(frozen=True, slots=True)
class Quirks:
    """In what a server differs from OpenAI, besides its address."""

    lists: bool = True
    running_usage: bool = False
    usage_unasked: bool = False
    renames: tuple[tuple[str, str], ...] = ()
    responses: bool = False
    keeps: tuple[str, ...] = ()
    dialect: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """A provider that differs from OpenAI in its options alone; it stands for a module."""

    Options: type[Options]
    FORM: str = FORM

    def credentials(self, key: Secret | None) -> tuple[Header, ...]:
        """Return the key as OpenAI is shown it."""
        return credentials(key)


def kind_of(title: str, base_url: str, quirks: Quirks) -> Kind:
    """Return the kind of those who speak OpenAI's form at an address of their own.

    Without a `base_url` an operator must name one, and the models where nobody lists them. Running
    usage may be asked only of who can report it.
    """
    types = {field.name: field.type for field in msgspec.structs.fields(Options)}
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        ("base_url", types["base_url"], base_url) if base_url else ("base_url", types["base_url"])
    ]
    if quirks.lists:
        fields.append(("models", types["models"], "*"))
    made = msgspec.defstruct(
        Options.__name__,
        fields,
        bases=(Options,),
        module=__name__,
        namespace={
            "__doc__": f"{title}, which speaks OpenAI's form.",
            "REFUSES": frozenset() if quirks.running_usage else frozenset({"running_usage"}),
            "USAGE_UNASKED": quirks.usage_unasked,
            "RENAMES": quirks.renames,
            "KEEPS": quirks.keeps,
            "DIALECT": quirks.dialect,
            "SPEAKS_RESPONSES": quirks.responses,
        },
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )
    assert issubclass(made, Options)
    return Kind(made)
