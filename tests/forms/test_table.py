"""The tables of forms."""

from gateway.endpoints import ENDPOINTS
from gateway.forms import chat, messages
from gateway.forms.table import DOWNSTREAM_FORMS, UPSTREAM_FORMS


def test_a_form_is_found_by_its_name() -> None:
    assert UPSTREAM_FORMS["chat"] is chat
    assert UPSTREAM_FORMS["messages"] is messages
    assert DOWNSTREAM_FORMS["chat"] is chat


def test_every_endpoint_speaks_a_form_of_the_table() -> None:
    assert {endpoint.form for endpoint in ENDPOINTS} <= set(DOWNSTREAM_FORMS)
