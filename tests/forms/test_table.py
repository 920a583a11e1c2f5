"""The table of forms."""

from gateway.endpoints import ENDPOINTS
from gateway.forms import chat
from gateway.forms.table import FORMS


def test_a_form_is_found_by_its_name() -> None:
    assert FORMS["chat"] is chat


def test_every_endpoint_speaks_a_form_of_the_table() -> None:
    assert {endpoint.form for endpoint in ENDPOINTS} <= set(FORMS)
