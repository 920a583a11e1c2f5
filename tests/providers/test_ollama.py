"""Ollama by its own API: where it listens, and what it is shown."""

from gateway.providers import ollama
from gateway.providers.table import TABLE
from gateway.words.secret import Secret


def test_a_key_is_a_bearer_token_and_a_local_server_wants_none() -> None:
    assert ollama.credentials(None) == ()
    assert ollama.credentials(Secret("k")) == ((b"authorization", b"Bearer k"),)


def test_it_listens_at_its_own_port_and_lists_its_models() -> None:
    options = ollama.Options()
    assert (options.base_url, options.models) == ("http://127.0.0.1:11434", "*")
    assert options.LISTS == "/v1/models"


def test_the_kind_of_its_other_form_stays_what_it_is() -> None:
    assert TABLE[ollama.KIND] is ollama
    assert TABLE["ollama"].FORM == "chat"


def test_an_address_that_goes_too_far_is_a_mistake() -> None:
    assert list(ollama.Options().mistakes()) == []
    ((key, said),) = ollama.Options(base_url="http://127.0.0.1:11434/v1/").mistakes()
    assert key == "base_url"
    assert "where the server listens" in said
