"""The table of public paths."""

import pytest

from gateway.endpoints import ENDPOINTS, find
from gateway.words.errors import UnknownPath, WrongMethod


@pytest.mark.parametrize("path", ["v1/chat/completions", "chat/completions"])
def test_a_path_comes_with_and_without_its_version(path: str) -> None:
    endpoint, name = find("POST", tuple(path.split("/")))
    assert (endpoint.operation, name) == ("chat", "")


def test_every_endpoint_is_found_by_its_own_path() -> None:
    for endpoint in ENDPOINTS:
        path = endpoint.path + ("some/id" if endpoint.takes_id else "")
        found, name = find(endpoint.method, tuple(path[1:].split("/")))
        assert found is endpoint
        assert name == ("some/id" if endpoint.takes_id else "")


def test_an_id_keeps_its_slashes() -> None:
    assert find("GET", ("v1", "models", "openai/o3"))[1] == "openai/o3"
    assert find("GET", ("models", "openai", "o3"))[1] == "openai/o3"


def test_head_is_answered_where_get_is() -> None:
    """C28."""
    assert find("HEAD", ("healthz",))[0].operation == "healthz"


def test_an_empty_id_is_no_endpoint() -> None:
    with pytest.raises(UnknownPath):
        find("GET", ("v1", "models", ""))


@pytest.mark.parametrize("path", ["", "v1", "v1/healthz", "v1/chat/completions/x", "v2/models"])
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
