"""What a client may say in Ollama's own words of how a server runs a model."""

import msgspec
import pytest
from msgspec import Raw

from gateway.forms.asked import Asked
from gateway.forms.ollama_options import options_in
from gateway.words.errors import BadRequest, Unsupported


def asked(fields: dict[str, object], *, drops: bool = False) -> Asked:
    told = {name: Raw(msgspec.json.encode(value)) for name, value in fields.items()}
    return Asked(told, drops=drops)


def test_what_steers_the_words_passes() -> None:
    taken = options_in(asked({"options": {"mirostat": 2, "repeat_penalty": 1.1}}))
    assert {name: bytes(value) for name, value in taken.items()} == {
        "mirostat": b"2",
        "repeat_penalty": b"1.1",
    }
    assert options_in(asked({})) == {}


MACHINE = [
    ("options.num_ctx", {"options": {"num_ctx": 1_000_000_000}}),
    ("options.num_gpu", {"options": {"num_gpu": 0}}),
    ("options.num_thread", {"options": {"num_thread": 1}}),
    ("options.of_a_later_day", {"options": {"of_a_later_day": True}}),
    ("options." + "x" * 100, {"options": {"x" * 1000: True}}),
    ("keep_alive", {"keep_alive": -1}),
    ("keep_alive", {"keep_alive": 0}),
]


@pytest.mark.parametrize(("name", "fields"), MACHINE)
def test_no_client_sets_the_machine_that_all_share(name: str, fields: dict[str, object]) -> None:
    with pytest.raises(Unsupported) as caught:
        options_in(asked(fields))
    assert caught.value.param == name
    let_go = asked(fields, drops=True)
    assert options_in(let_go) == {}
    assert let_go.settle() == (name,)


def test_options_are_an_object() -> None:
    with pytest.raises(BadRequest) as caught:
        options_in(asked({"options": []}))
    assert caught.value.param == "options"
