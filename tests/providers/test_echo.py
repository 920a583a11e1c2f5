"""The built-in model as a provider: a name, and nobody to show a key to."""

from gateway.providers import echo
from gateway.words.secret import Secret


def test_it_answers_to_its_own_name() -> None:
    assert echo.Options().models == ["echo"]
    assert echo.Options().words_per_second == 50.0


def test_it_is_shown_no_key() -> None:
    assert echo.credentials(Secret("sk-1")) == ()


def test_there_is_nobody_to_probe() -> None:
    assert "probe" in echo.Options.REFUSES
