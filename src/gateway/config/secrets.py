"""Fetches secrets from where the operator says they are; no message repeats a secret (S17, S18)."""

import re
from collections.abc import Mapping

from gateway.config.files import Files
from gateway.words.secret import Secret

_SENDABLE = re.compile(r"[\x21-\x7e]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PASSED_THROUGH = "client"


class Secrets:
    """Reads `{ env = "NAME" }`, `{ file = "path" }` or a plain string into a `Secret`."""

    def __init__(self, environ: Mapping[str, str], files: Files) -> None:
        self._environ = environ
        self._files = files

    def fetch(self, said: object) -> Secret:
        """Return the secret meant by a value of the file. Raises `ValueError` with a sentence."""
        match said:
            case str():
                return _checked(said, "the secret")
            case {"env": str(name), **rest} if not rest:
                if name not in self._environ and not _NAME.fullmatch(name):
                    # It may be the secret itself, in the wrong place: it is not repeated (R24).
                    raise ValueError("env must be the name of an environment variable")
                if name not in self._environ:
                    raise ValueError(f"the environment variable {name} is not set")
                return _checked(self._environ[name], f"the environment variable {name}")
            case {"file": str(path), **rest} if not rest:
                return _checked(_text(self._files.read(path), path), f"the file {path}")
            case _:
                raise ValueError('expected { env = "NAME" } or { file = "path" }')


def source_of(said: object) -> str | None:
    """Say where a secret that was fetched came from; None where it stands in the file itself."""
    match said:
        case {"env": str(name)}:
            return f"environment variable {name}"
        case {"file": str(path)}:
            return f"file {path}"
        case _:
            return None


def _text(data: bytes, path: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError(f"the file {path} is not text") from None


def _checked(value: str, whence: str) -> Secret:
    value = value.strip()
    if not value:
        raise ValueError(f"{whence} is empty")
    if value == _PASSED_THROUGH:
        raise ValueError('"client" is no secret; api_key = "client" passes on the caller\'s own')
    if _SENDABLE.fullmatch(value) is None:
        raise ValueError(f"{whence} holds a space, a control character or one outside ASCII")
    return Secret(value)
