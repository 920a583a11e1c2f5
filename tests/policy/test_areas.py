"""The areas without a model: what each path is, and what is no path."""

import pytest

from gateway.policy.areas import (
    AREAS,
    HELD,
    LONGEST_SEGMENT,
    MOST_PARAMETERS,
    MOST_SEGMENTS,
    ROOTS,
    Deed,
    Passage,
    checked,
    own_passage,
    passage_of,
    query_of,
    root_of,
    write_query,
)
from gateway.words.errors import BadRequest, UnknownPath, WrongMethod


def passage(method: str, path: str) -> Passage:
    segments = tuple(path.split("/"))
    root = root_of(segments)
    assert root is not None
    return passage_of(method, segments, root)


@pytest.mark.parametrize(
    ("method", "path", "deed", "own"),
    [
        ("POST", "files", Deed.MAKE, ""),
        ("GET", "files", Deed.LIST, ""),
        ("GET", "files/f", Deed.SHOW, "f"),
        ("POST", "vector_stores/v", Deed.SHOW, "v"),
        ("DELETE", "files/f", Deed.DROP, "f"),
        ("GET", "files/f/content", Deed.CONTENT, "f"),
        ("DELETE", "vector_stores/v/files/f", Deed.WITHIN, "v"),
        ("POST", "batches/b/cancel", Deed.WITHIN, "b"),
        ("POST", "fine_tuning/jobs", Deed.MAKE, ""),
        ("GET", "fine_tuning/jobs/j/events", Deed.WITHIN, "j"),
        ("POST", "fine_tuning/alpha/graders/run", Deed.FREE, ""),
        ("POST", "threads/runs", Deed.MAKE, ""),
        ("GET", "threads/runs", Deed.SHOW, "runs"),
        ("POST", "threads/runs/x", Deed.WITHIN, "runs"),
        ("POST", "videos/edits", Deed.MAKE, ""),
        ("GET", "videos/characters/c", Deed.SHOW, "c"),
        ("GET", "videos/characters", Deed.LIST, ""),
        ("POST", "realtime/client_secrets", Deed.FREE, ""),
    ],
)
def test_a_path_says_what_is_done_and_to_what(method: str, path: str, deed: Deed, own: str) -> None:
    found = passage(method, path)
    assert (found.deed, found.object, found.path) == (deed, own, f"/{path}")


@pytest.mark.parametrize("path", ["files", "fine_tuning/jobs", "realtime/sessions"])
def test_nobody_deletes_everybodys_at_once(path: str) -> None:
    with pytest.raises(WrongMethod) as caught:
        passage("DELETE", path)
    assert dict(caught.value.headers)[b"allow"] in {b"GET, POST", b"POST"}


def test_what_may_be_an_id_is_all_below_the_root() -> None:
    assert passage("GET", "fine_tuning/jobs/j/events").ids == ("j", "events")
    assert own_passage("GET", ("a", "b")).ids == ("a", "b")


@pytest.mark.parametrize("path", ["file", "fine_tuning", "fine_tuning/checkpoints/c", "realtime"])
def test_api9_what_is_not_in_the_table_is_no_area(path: str) -> None:
    assert root_of(tuple(path.split("/"))) is None


def test_no_root_is_a_part_of_anothers_objects() -> None:
    for root in ROOTS:
        longer = [each.path for each in ROOTS if each.path[: len(root.path)] == root.path]
        assert all(len(path) == len(root.path) + 1 for path in longer if path != root.path)


ODD = [
    "..",
    ".",
    "%2e%2e",
    "%2E.",
    "a\\b",
    "%5c",
    "a\nb",
    "a%0ab",
    "\x00",
    "a/b",
    "a%2fb",
    "\u202e",
]


@pytest.mark.parametrize("segment", [*ODD, "a" * (LONGEST_SEGMENT + 1), "\u00e9" * 200])
def test_r1_r10_a_segment_that_could_lead_elsewhere_is_refused(segment: str) -> None:
    """R1, R10."""
    with pytest.raises(BadRequest):
        checked(("files", segment))


@pytest.mark.parametrize("segment", ["a/../b", "a//b", "/a", "a/", "a%2f..", *ODD[:9]])
def test_r1_slashes_in_a_segment_lead_nowhere_either(segment: str) -> None:
    """R1."""
    with pytest.raises(BadRequest):
        own_passage("GET", ("models", segment))


def test_a_segment_may_hold_slashes_where_a_providers_ids_do() -> None:
    segments = ("model", "arn:aws:bedrock:x:1:profile/a b", "invoke")
    path = own_passage("POST", segments).path
    assert path == "/model/arn:aws:bedrock:x:1:profile%2Fa%20b/invoke"


def test_a_path_has_no_empty_segment_and_an_end() -> None:
    with pytest.raises(UnknownPath):
        own_passage("GET", ("a", "", "b"))
    own_passage("GET", ("a",) * MOST_SEGMENTS)
    with pytest.raises(BadRequest):
        own_passage("GET", ("a",) * (MOST_SEGMENTS + 1))


def test_a_query_is_written_anew() -> None:
    query = query_of("a=1&a=%26&b=&c&d=x+y%20z&include%5B%5D=q")
    assert query == (
        *(("a", "1"), ("a", "&"), ("b", ""), ("c", "")),
        *(("d", "x y z"), ("include[]", "q")),
    )
    assert write_query(query) == "?a=1&a=%26&b=&c=&d=x%20y%20z&include%5B%5D=q"
    assert (query_of(""), write_query(())) == ((), "")


@pytest.mark.parametrize(
    "raw", ["a=%ff", "a=%0d%0ab", "%00=1", "&".join(["a=1"] * (MOST_PARAMETERS + 1))]
)
def test_a_query_that_cannot_be_read_is_refused(raw: str) -> None:
    with pytest.raises(BadRequest):
        query_of(raw)


def test_a_response_is_an_object_wherever_it_is_kept() -> None:
    segments = ("responses", "resp_1", "cancel")
    root = root_of(segments)
    assert root in HELD
    assert root is not None
    passage = passage_of("POST", segments, root)
    assert (passage.object, passage.deed) == ("resp_1", Deed.WITHIN)
    assert root.area not in AREAS
