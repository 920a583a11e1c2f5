"""The fields of a chat completion while they are translated for a provider of another form. Pure.

Each is taken by whoever translates it. What is left in the end, and says anything, the provider
cannot be told: the call is refused by the field's name, or the field is let go and named, as the
operator says (`on_unsupported`). Nothing is left out in silence.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Raw

from gateway.words.errors import BadRequest, Unsupported

_T = TypeVar("_T")

SAY_NOTHING: Final = frozenset(
    {
        *("messages", "model", "stream", "stream_options", "metadata"),
        *("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
    }
)
"""Fields that are translated elsewhere, or of no meaning for what is answered."""

DEFAULTS: Final[Mapping[str, Sequence[object]]] = {
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "modalities": (["text"],),
    "n": (1,),
    "presence_penalty": (0,),
    "service_tier": ("auto", "default"),
    "store": (False,),
    "top_logprobs": (0,),
    "verbosity": ("medium",),
}
"""Values that say what a provider does anyway."""

_OF_ANOTHER_KIND: Final = re.compile(r"Invalid (?:enum )?value .* - at `[^`]*\.type`", re.DOTALL)
"""How msgspec says that a `type` is none of those that are known."""

MAX_VALUES: Final = 524_288
"""Values that one field may hold, lists and objects twice; each may cost a hundred times its bytes
once it is built.
"""

_LONG_BYTES: Final = MAX_VALUES
"""A shorter field has no room for so many that it would matter."""

_TEXTS: Final = frozenset({"documents", "input", "instructions", "text"})
"""Fields of words, in which a comma says nothing; no object is built of them."""

_MOST = 200
"""Characters of a field's name that are told."""

_MOST_TOLD = 64
"""Bytes of a value that may say what a provider does anyway; to build a longer one could cost the
process many times its bytes (R15)."""

_decode = msgspec.json.Decoder().decode


# How a field is taken that holds one plain value, or whatever it holds as it is.
is_any = msgspec.json.Decoder(Raw).decode
is_text = msgspec.json.Decoder(str).decode
is_number = msgspec.json.Decoder(float).decode
is_whole = msgspec.json.Decoder(int).decode
is_positive = msgspec.json.Decoder(Annotated[int, Meta(gt=0)]).decode
is_flag = msgspec.json.Decoder(bool).decode
is_object = msgspec.json.Decoder(dict[str, Raw]).decode
is_stop = msgspec.json.Decoder(str | list[str]).decode


def or_reason(decode: Callable[[Raw], _T], value: Raw) -> _T | str:
    """Return a field, or why it is nothing that the provider knows."""
    try:
        return decode(value)
    except msgspec.ValidationError as error:
        return str(error)


def decode_short(raw: Raw) -> object:
    """Return what a short value says; a longer one as it is, for it is none of the defaults."""
    return _decode(raw) if memoryview(raw).nbytes <= _MOST_TOLD else raw


def unsupported(param: str, message: str) -> Unsupported:
    """Return the refusal of what the provider cannot be told."""
    return Unsupported(message, param=param[:_MOST])


class Asked:
    """The fields of a request that nobody has taken yet."""

    __slots__ = ("_drops", "_left", "dropped")

    def __init__(
        self, fields: Mapping[str, Raw], *, drops: bool, hints: Iterable[str] = SAY_NOTHING
    ) -> None:
        """`hints` are fields that need no translation; with `drops` nothing is refused."""
        self._drops = drops
        self._left = {
            name: value
            for name, value in fields.items()
            if name not in hints and bytes(value) != b"null"
        }
        self.dropped: list[str] = []

    def take(self, name: str, decode: Callable[[Raw], _T]) -> _T | None:
        """Return a field; None where it is not there.

        Raises `BadRequest` where it is malformed; `Unsupported` where it holds something of a
        `type` that is not known here: another provider may know it.
        """
        value = self._left.pop(name, None)
        if value is None:
            return None
        if name not in _TEXTS and _is_flood(bytes(value)):
            raise BadRequest(f"{name!r} holds more than {MAX_VALUES} values.", param=name)
        try:
            return decode(value)
        except (msgspec.DecodeError, RecursionError) as error:
            if _OF_ANOTHER_KIND.match(str(error)):
                raise unsupported(name, f"{name!r} cannot be told: {error}.") from None
            raise BadRequest(f"{name!r} cannot be read: {error}.", param=name) from None

    def left(self) -> dict[str, Raw]:
        """Return what nobody has taken."""
        return dict(self._left)

    def cannot(self, name: str, message: str) -> None:
        """Let go of a field that cannot be told as it stands. Raises `Unsupported` instead."""
        if not self._drops:
            raise unsupported(name, message)
        self.dropped.append(name[:_MOST])

    def settle(self) -> tuple[str, ...]:
        """Return what was let go, also all that nobody has taken. Raises `Unsupported` instead."""
        for name in tuple(self._left):
            if name not in DEFAULTS or self.take(name, decode_short) not in DEFAULTS[name]:
                said = name[:_MOST]
                self.cannot(name, f"{said!r} has no counterpart with this model's provider.")
        return tuple(self.dropped)


def _is_flood(data: bytes) -> bool:
    """Say whether a field may hold more values than can be built at ease (R15)."""
    return len(data) > _LONG_BYTES and sum(map(data.count, (b",", b"[", b"{"))) > MAX_VALUES
