"""The table of public paths."""

import pytest

from gateway.endpoints import ENDPOINTS, ID, REST, find
from gateway.words.errors import UnknownPath, WrongMethod


@pytest.mark.parametrize("path", ["v1/chat/completions", "chat/completions"])
def test_a_path_comes_with_and_without_its_version(path: str) -> None:
    endpoint, ids = find("POST", tuple(path.split("/")))
    assert (endpoint.operation, ids) == ("chat", ())


def test_every_endpoint_is_found_by_its_own_path() -> None:
    for endpoint in ENDPOINTS:
        path = endpoint.path.replace(ID, "an-id").replace(REST, "some/id")
        found, ids = find(endpoint.method, tuple(path[1:].split("/")))
        assert found is endpoint
        named = ("an-id",) * endpoint.path.count(ID) + ("some/id",) * endpoint.path.count(REST)
        assert ids == named


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        ("openai/v1/chat/completions", "chat"),
        ("openai/v1/embeddings", "embeddings"),
        ("openai/deployments/my model/chat/completions", "chat"),
        ("openai/deployments/my model/audio/transcriptions", "transcription"),
    ],
)
def test_the_paths_of_azure_are_understood(path: str, operation: str) -> None:
    endpoint, ids = find("POST", tuple(path.split("/")))
    assert endpoint.operation == operation
    assert ids == (("my model",) if "deployments" in path else ())
    assert endpoint.names_model is ("deployments" in path)


def test_what_is_asked_by_a_form_is_marked_so() -> None:
    assert find("POST", ("v1", "images", "edits")).endpoint.uploads
    assert not find("POST", ("v1", "images", "generations")).endpoint.uploads


def test_an_id_keeps_its_slashes() -> None:
    assert find("GET", ("v1", "models", "openai/o3")).ids == ("openai/o3",)
    assert find("GET", ("models", "openai", "o3")).ids == ("openai/o3",)


def test_head_is_answered_where_get_is() -> None:
    """C28."""
    assert find("HEAD", ("healthz",)).endpoint.operation == "healthz"


def test_an_empty_id_is_no_endpoint() -> None:
    with pytest.raises(UnknownPath):
        find("GET", ("v1", "models", ""))


@pytest.mark.parametrize("path", ["v1", "v1/healthz", "v1/chat/completions/x", "v2/models"])
def test_an_unknown_path_is_told_which_ones_there_are(path: str) -> None:
    with pytest.raises(UnknownPath, match="/v1/chat/completions"):
        find("GET", tuple(path.split("/")))


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "v1/chat/completions", b"POST"),
        ("OPTIONS", "v1/chat/completions", b"POST"),
        ("POST", "v1/models", b"GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_the_right_one(method: str, path: str, allow: bytes) -> None:
    """C28."""
    with pytest.raises(WrongMethod) as caught:
        find(method, tuple(path.split("/")))
    assert caught.value.headers == ((b"allow", allow),)
