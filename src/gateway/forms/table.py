"""The forms by name, each module checked against the contract."""

from collections.abc import Mapping
from typing import Final

from gateway.forms import Form, chat

FORMS: Final[Mapping[str, Form]] = {"chat": chat}
