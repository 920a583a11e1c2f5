"""Reads `[guards.NAME]`: what is looked for in requests and answers, and whom each concerns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from gateway.config.keys import Rights
from gateway.config.known import Known
from gateway.config.lines import Key
from gateway.config.mistakes import quoted
from gateway.config.models import check_twice
from gateway.config.names import check_name
from gateway.config.namespace import Namespace
from gateway.config.tables import Reading, as_table, read_table
from gateway.policy.guards.guard import Then
from gateway.policy.guards.words import has_word
from gateway.providers.address import parse_base_url
from gateway.words.secret import Secret

SECTION: Final = "guards"
MISSING: Final = "needs the extra `guards`: pip install 'nursery-gateway[guards]'"
MOST_LISTED: Final = 10_000
MOST_PATTERNS: Final = 200
LONGEST: Final = 1_000

Kind = Literal["regex", "secrets", "pii", "words", "size", "http", "moderation"]
Personal = Literal["email", "phone", "card", "iban", "ssn", "ip"]
Listed = Annotated[
    list[Annotated[str, Meta(min_length=1, max_length=LONGEST)]], Meta(max_length=MOST_LISTED)
]
Count = Annotated[int, Meta(ge=1, le=1_000_000_000)]

USUAL_PERSONAL: Final = ("email", "phone", "card", "iban", "ssn")

_SHARED: Final = frozenset({"kind", "on", "then", "unseen"})
_OWN: Final[Mapping[str, frozenset[str]]] = {
    "regex": frozenset({"patterns", "allow", "mask", "look_behind"}),
    "secrets": frozenset({"mask"}),
    "pii": frozenset({"find", "allow", "mask"}),
    "words": frozenset({"words", "parts", "allow", "mask"}),
    "size": frozenset({"max_characters", "max_tokens", "max_turns"}),
    "http": frozenset({"url", "api_key", "timeout", "on_failure"}),
    "moderation": frozenset({"model", "categories", "scores", "timeout", "on_failure"}),
}
"""What each kind reads, beside what all do."""

_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "regex": ("patterns",),
    "words": ("words", "parts"),
    "size": ("max_characters", "max_tokens", "max_turns"),
    "http": ("url",),
    "moderation": ("model",),
}
"""Of these each kind needs one."""

_SIGHTLESS: Final = frozenset({"size", "http", "moderation"})
"""Kinds that find no place in a text that could be masked."""


class GuardOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is looked for in requests and answers, under a name of your own."""

    kind: Annotated[
        Kind,
        Meta(
            description="`regex`, expressions of your own; `secrets`, keys and tokens; `pii`, what"
            " tells who somebody is; `words`, lists; `size`; `http`, a service of your own;"
            " `moderation`, a provider's model."
        ),
    ]
    on: Annotated[Literal["request", "answer", "both"], Meta(description="Where it looks.")] = (
        "both"
    )
    then: Annotated[
        Then,
        Meta(
            description="What follows: `block`, an error; `redact`, a mask in its place; `flag`, a"
            " note in log, ledger and metrics alone."
        ),
    ] = "block"
    unseen: Annotated[
        Literal["refuse", "pass"],
        Meta(
            description="What becomes of what it cannot look into (images, files, sound, what"
            " passes through) where it blocks or redacts."
        ),
    ] = "refuse"
    patterns: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=LONGEST)]],
        Meta(
            max_length=MOST_PATTERNS,
            description="`regex`: expressions as RE2 reads them, each within one text.",
        ),
    ] = msgspec.field(default_factory=list)
    look_behind: Annotated[
        int,
        Meta(
            ge=1,
            le=4096,
            description="`regex`: how many characters of an answer are held back, so that a match"
            " of that length is found whole.",
        ),
    ] = 256
    find: Annotated[
        list[Personal] | None,
        Meta(description="`pii`: what is looked for; without it all but `ip`."),
    ] = None
    words: Annotated[
        Listed, Meta(description="`words`: whole words and phrases, in whatever case.")
    ] = msgspec.field(default_factory=list)
    parts: Annotated[
        Listed,
        Meta(description="`words`: texts that are found within words, too, in whatever case."),
    ] = msgspec.field(default_factory=list)
    allow: Annotated[
        Listed,
        Meta(description="`regex`, `pii`, `words`: what is passed over where all of it matches."),
    ] = msgspec.field(default_factory=list)
    mask: Annotated[
        Annotated[str, Meta(min_length=1, max_length=64)] | None,
        Meta(
            description="What stands in place of what is redacted; else what it was, in brackets."
        ),
    ] = None
    max_characters: Annotated[
        Count | None, Meta(description="`size`: characters of all texts together.")
    ] = None
    max_tokens: Annotated[Count | None, Meta(description="`size`: tokens, by an estimate.")] = None
    max_turns: Annotated[Count | None, Meta(description="`size`: messages of a request.")] = None
    url: Annotated[str | None, Meta(description="`http`: where texts are posted to be judged.")] = (
        None
    )
    api_key: Annotated[
        Secret | None, Meta(description="`http`: what it is shown behind `Bearer`.")
    ] = None
    model: Annotated[
        str | None, Meta(description="`moderation`: the public name of the model that judges.")
    ] = None
    categories: Annotated[
        list[str],
        Meta(description="`moderation`: which of its categories count; without any, all do."),
    ] = msgspec.field(default_factory=list)
    scores: Annotated[
        dict[str, Annotated[float, Meta(ge=0.0, le=1.0)]],
        Meta(description="`moderation`: scores of categories from which on they count."),
    ] = msgspec.field(default_factory=dict)
    timeout: Annotated[
        float,
        Meta(
            gt=0.0,
            le=60.0,
            description="`http`, `moderation`: how long the answer may take.",
            extra_json_schema={"x-unit": "s"},
        ),
    ] = 2.0
    on_failure: Annotated[
        Literal["block", "pass"],
        Meta(description="`http`, `moderation`: what follows where nobody answers."),
    ] = "block"


Tables = dict[str, GuardOptions]


def read_guards(
    document: Mapping[str, object],
    names: Namespace,
    rights: Rights,
    known: Known | None,
    reading: Reading,
) -> Tables:
    """Read all guards, in the file's order, and check who is to be guarded by them.

    `known` is None where the names of models cannot be told.
    """
    found: Tables = {}
    for name, value in as_table(document.get(SECTION, {}), (SECTION,), reading).items():
        key: Key = (SECTION, name)
        try:
            check_name(name)
        except ValueError as error:
            reading.notes.mistake(key, str(error))
        options = read_table(GuardOptions, value, key, reading)
        if options is not None:
            assert isinstance(value, dict), "it was read"
            _check(options, value, key, known, reading)
            found[name] = options
    _check_guarded(found, names, rights, reading)
    return found


def _check_guarded(guards: Tables, names: Namespace, rights: Rights, reading: Reading) -> None:
    """Note each name of a guard that there is none of; where one is wrong nobody is to miss it."""
    said: list[tuple[Key, Sequence[str]]] = [(("defaults",), names.defaults.guards)]
    said += [(("models", name), options.guards) for name, options in names.models.items()]
    said += [(("teams", name), team.guards) for name, team in rights.teams.items()]
    said += [(("keys", at), record.guards) for at, record in enumerate(rights.keys)]
    for place, wanted in said:
        key: Key = (*place, "guards")
        check_twice(wanted, key, reading)
        for index, name in enumerate(wanted):
            if name not in guards and not reading.notes.is_wrong((SECTION,)):
                reading.notes.unknown((*key, index), name, guards, "guard")


def is_read(options: GuardOptions, name: str) -> bool:
    """Say whether a key means anything to a guard."""
    return name in _SHARED | _OWN[options.kind]


def secrets_of(guards: Tables) -> Iterator[Secret]:
    """Yield what is shown to services."""
    yield from (each.api_key for each in guards.values() if each.api_key is not None)


def engine() -> Any:
    """Return the engine for expressions, one that takes a time in proportion to the text.

    Raises `ImportError` where it is not installed.
    """
    import re2  # noqa: PLC0415 (an extra)

    return re2


def compiled(pattern: str) -> Any:
    """Compile an expression. Raises `ImportError`, or `ValueError` with what is wrong with it."""
    re2 = engine()
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        said = error.args[0] if error.args else ""
        told = said.decode("utf-8", "replace") if isinstance(said, bytes) else "no text"
        raise ValueError(f"is no expression that RE2 takes: {told}") from None


def _check(
    options: GuardOptions,
    written: Mapping[str, object],
    key: Key,
    known: Known | None,
    reading: Reading,
) -> None:
    """Note what does not fit together in one guard."""
    notes, kind = reading.notes, options.kind
    for name in written:
        if name in GuardOptions.__struct_fields__ and not is_read(options, name):
            notes.mistake((*key, name), f"means nothing where the kind is {quoted(kind)}")
    needed = _NEEDS.get(kind, ())
    if needed and not any(getattr(options, name) for name in needed):
        names = " or ".join(f"`{name}`" for name in needed)
        if not any(notes.is_wrong((*key, name)) for name in needed):
            notes.mistake(key, f"needs {names}")
    if options.then == "redact" and kind in _SIGHTLESS:
        text = f"a guard of the kind {quoted(kind)} can only block or flag"
        notes.mistake((*key, "then"), text)
    if options.mask is not None and not (
        options.mask.isprintable() and not set(options.mask) & {'"', "\\"}
    ):
        text = "must be of characters that can be seen, without quotes and backslashes"
        notes.mistake((*key, "mask"), text)
    for name in ("find", "categories"):
        check_twice(getattr(options, name) or (), (*key, name), reading)
    _check_texts(options, key, reading)
    _check_outside(options, key, known, reading)


def _check_texts(options: GuardOptions, key: Key, reading: Reading) -> None:
    for index, phrase in enumerate(options.words):
        if not has_word(phrase):
            reading.notes.mistake((*key, "words", index), "holds no word")
    for index, pattern in enumerate(options.patterns):
        try:
            compiled(pattern)
        except ValueError as error:
            reading.notes.mistake((*key, "patterns", index), str(error))
        except ImportError:
            reading.notes.mistake((*key, "kind"), MISSING)
            return


def _check_outside(options: GuardOptions, key: Key, known: Known | None, reading: Reading) -> None:
    if options.url is not None:
        try:
            parse_base_url(options.url)
        except ValueError as error:
            reading.notes.mistake((*key, "url"), str(error))
    model = options.model
    if model is not None and known is not None and not known.answered(model):
        near = reading.notes.nearest(model, known.names)
        reading.notes.mistake((*key, "model"), f"nobody answers to {quoted(model)}", near)
