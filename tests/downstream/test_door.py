"""The door: which endpoint is asked, in whose words an error is told, what may come in."""

import pytest

from gateway.downstream.door import form_asked
from gateway.downstream.head import Head
from gateway.endpoints import ENDPOINTS, ID, REST, Endpoint


def head(method: str, path: str) -> Head:
    return Head(method, path, {}, http10=False, keep_alive=True, length=0)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.path)
def test_an_error_is_told_in_the_form_of_the_endpoint(endpoint: Endpoint) -> None:
    path = endpoint.path.replace(ID, "an-id").replace(REST, "some/id")
    assert form_asked(head(endpoint.method, path)) == endpoint.form


def test_who_asks_for_nothing_that_is_there_is_told_so_in_the_common_form() -> None:
    assert form_asked(head("GET", "/v2/nothing")) == "chat"
    assert form_asked(head("GET", "/v1/../etc")) == "chat"
