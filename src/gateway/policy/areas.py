"""The areas of OpenAI's API that name no model: their paths, and what each request does. Pure.

    /v1/files/{id}/content     area `files`, root `files`, its object {id}, and more within it
    /v1/fine_tuning/jobs       area `fine_tuning`, root `fine_tuning/jobs`, all of its objects

Whose an object is decides about all within it. What is not in the table is no path (API9).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, unquote_to_bytes

from gateway.words.errors import BadRequest, UnknownPath, WrongMethod
from gateway.words.target import Target

LONGEST_SEGMENT: Final = 256
"""Bytes of a decoded segment (R10)."""

MOST_SEGMENTS: Final = 16
MOST_PARAMETERS: Final = 64
SAFE: Final = ":@$!,=+"
"""What stands in a path as it is: some providers' APIs have no other spelling for it."""

_ELSEWHERE: Final = frozenset({"", ".", ".."})
METHODS: Final = ("GET", "POST", "DELETE")
ALL_METHODS: Final = (*METHODS, "PUT", "PATCH")


class Deed(Enum):
    """What a request to an area does, as far as it matters whose things are."""

    MAKE = "make"
    LIST = "list"
    SHOW = "show"
    DROP = "drop"
    WITHIN = "within"
    """Something inside of an object."""
    CONTENT = "content"
    """The bytes of a file, whatever they are."""
    FREE = "free"
    """Nothing that belongs to anybody."""


@dataclass(frozen=True, slots=True)
class Root:
    """Where objects of one kind are: made and listed at `path`, each of them below it.

    `kind` is what the API calls such an object, "" where there are none. `verbs` stand where an id
    would, and make something. With `works` models are put to work there, which costs money.
    """

    area: str
    path: tuple[str, ...]
    kind: str
    verbs: tuple[str, ...] = ()
    works: bool = False


ROOTS: Final = (
    Root("files", ("files",), "file"),
    Root("uploads", ("uploads",), "upload"),
    Root("batches", ("batches",), "batch", works=True),
    Root("fine_tuning", ("fine_tuning", "jobs"), "fine_tuning.job", works=True),
    Root("fine_tuning", ("fine_tuning", "alpha", "graders"), "", works=True),
    Root("vector_stores", ("vector_stores",), "vector_store"),
    Root("containers", ("containers",), "container", works=True),
    Root("conversations", ("conversations",), "conversation"),
    Root("videos", ("videos",), "video", ("edits", "extensions"), works=True),
    Root("videos", ("videos", "characters"), "video.character", works=True),
    Root("evals", ("evals",), "eval", works=True),
    Root("assistants", ("assistants",), "assistant"),
    Root("threads", ("threads",), "thread", ("runs",), works=True),
    Root("skills", ("skills",), "skill"),
    Root("chatkit", ("chatkit", "sessions"), "chatkit.session", works=True),
    Root("chatkit", ("chatkit", "threads"), "chatkit.thread"),
    Root("realtime", ("realtime", "client_secrets"), "", works=True),
    Root("realtime", ("realtime", "sessions"), "", works=True),
    Root("realtime", ("realtime", "transcription_sessions"), "", works=True),
    Root("realtime", ("realtime", "translations", "client_secrets"), "", works=True),
)
AREAS: Final = tuple(dict.fromkeys(root.area for root in ROOTS))

HELD: Final = (Root("responses", ("responses",), "response"),)
"""What calls to models make: each is asked for where it is kept, whatever is configured."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A request that passes through: where it goes below the provider's own path, what it does.

    `object` is the id of the root's object that it is about, "" where there is none. `segments` are
    decoded, and checked. Without a `root` it is for a provider's own API.
    """

    method: str
    segments: tuple[str, ...]
    root: Root | None = None
    deed: Deed = Deed.FREE
    object: str = ""

    @property
    def path(self) -> str:
        """The path, encoded anew."""
        return "".join("/" + quote(segment, safe=SAFE) for segment in self.segments)

    @property
    def ids(self) -> tuple[str, ...]:
        """All that may be ids in the path."""
        return self.segments if self.root is None else self.segments[len(self.root.path) :]


@dataclass(frozen=True, slots=True)
class Ways:
    """Who serves each area that is configured, and every provider that has an API of its own.

    Of a provider with several keys the first is shown: what was made with one is another's nothing.
    """

    areas: Mapping[str, Target] = field(default_factory=dict)
    providers: Mapping[str, Target] = field(default_factory=dict)


def passage_of(method: str, segments: tuple[str, ...], root: Root) -> Passage:
    """Return what a request to an area is. Raises `UnknownPath`, `WrongMethod`, `BadRequest`.

    `segments` are the decoded path's, without `v1`.
    """
    checked(segments)
    deed, own = _deed(method, root, segments[len(root.path) :])
    return Passage(method, segments, root, deed, own)


def own_passage(method: str, segments: tuple[str, ...]) -> Passage:
    """Return a request to a provider's own API. Raises `UnknownPath`, `BadRequest`."""
    checked(segments, slashes=True)
    return Passage(method, segments)


def root_of(segments: tuple[str, ...]) -> Root | None:
    """Return the root with the longest path that the segments begin with."""
    found = [root for root in (*ROOTS, *HELD) if segments[: len(root.path)] == root.path]
    return max(found, key=lambda root: len(root.path), default=None)


def _deed(method: str, root: Root, below: tuple[str, ...]) -> tuple[Deed, str]:
    if not root.kind:
        _check_method(method, ("POST",))
        return Deed.FREE, ""
    if not below:
        # Everybody's at once is nobody's to delete.
        _check_method(method, ("GET", "POST"))
        return (Deed.MAKE if method == "POST" else Deed.LIST), ""
    if below[0] in root.verbs and len(below) == 1 and method == "POST":
        return Deed.MAKE, ""
    if len(below) == 1:
        return (Deed.DROP if method == "DELETE" else Deed.SHOW), below[0]
    return (Deed.CONTENT if below[-1] == "content" else Deed.WITHIN), below[0]


def _check_method(method: str, allowed: tuple[str, ...]) -> None:
    if method not in allowed:
        told = ", ".join(allowed)
        allow = ((b"allow", told.encode()),)
        raise WrongMethod(f"This path takes {told}, not {method}.", headers=allow)


def checked(segments: Iterable[str], *, slashes: bool = False) -> None:
    """Refuse what could lead elsewhere, here or where a provider decodes once more (R1, S14).

    With `slashes` a segment may hold encoded ones: some providers' ids do. Raises `UnknownPath` for
    an empty segment, `BadRequest`.
    """
    for count, segment in enumerate(segments):
        if not segment:
            raise UnknownPath("The path holds an empty segment.")
        again = unquote(segment)
        parts = again.split("/")
        long = count >= MOST_SEGMENTS or len(segment.encode()) > LONGEST_SEGMENT
        leads = "\\" in again or not _ELSEWHERE.isdisjoint(parts)
        if long or leads or not again.isprintable() or (len(parts) > 1 and not slashes):
            raise BadRequest("The path holds a segment that is not passed on.")


def query_of(raw: str) -> tuple[tuple[str, str], ...]:
    """Return the parameters of a raw query, decoded once. Raises `BadRequest`."""
    if not raw:
        return ()
    try:
        unquote_to_bytes(raw).decode()
        found = parse_qsl(raw, keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise BadRequest("The query is no UTF-8, or has too many parameters.") from None
    if not all(text.isprintable() for pair in found for text in pair):
        raise BadRequest("The query holds a control character.")
    return tuple(found)


def write_query(parameters: Iterable[tuple[str, str]]) -> str:
    """Return parameters as a query, encoded anew, `?` included; nothing where there are none."""
    said = "&".join(f"{quote(name, safe='')}={quote(text, safe='')}" for name, text in parameters)
    return f"?{said}" if said else ""
