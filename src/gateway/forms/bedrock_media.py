"""Turns images, files and sounds of a chat completion into those of AWS Bedrock's Converse. Pure.

The provider takes their bytes and fetches nothing. Documents have names, of few characters, no two
of which may be the same in one request.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html
"""

import re
from typing import Final

from gateway.forms.asked import unsupported

_PICTURES: Final = {
    "image/jpeg": "jpeg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
}
_DOCUMENTS: Final = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
_SOUNDS: Final = frozenset({"wav", "mp3"})

_INLINE: Final = re.compile(
    r"data:([a-z]+/[a-z0-9.+-]+)(?:;charset=[a-z0-9-]+)?;base64,", re.IGNORECASE
)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_UNFIT: Final = re.compile(r"[^A-Za-z0-9\s()\[\]-]+")
_NAMELESS: Final = "document"
_LONGEST_NAME: Final = 180
"""Characters; the provider takes 200, of which some are for a number."""

Block = dict[str, object]


class Media:
    """What is shown in one request."""

    __slots__ = ("_names", "_taken")

    def __init__(self) -> None:
        self._names: dict[str, int] = {}
        self._taken: set[str] = set()

    def picture(self, url: str) -> Block:
        """Return an image. Raises `Unsupported`."""
        wanted = "An image must be a JPEG, PNG, GIF or WebP as a data: URL"
        kind, data = _inline(url, _PICTURES, wanted)
        return {"image": {"format": kind, "source": {"bytes": data}}}

    def document(self, url: str, filename: str) -> Block:
        """Return a document. Raises `Unsupported`."""
        wanted = (
            "A file must be a PDF, text, HTML, CSV, Word or Excel as a data: URL in 'file_data'"
        )
        kind, data = _inline(url, _DOCUMENTS, wanted)
        named = {"format": kind, "name": self._name(filename)}
        return {"document": {**named, "source": {"bytes": data}}}

    def sound(self, data: str, format: str) -> Block:
        """Return a sound. Raises `Unsupported`."""
        if format not in _SOUNDS:
            raise unsupported("messages", "A sound must be WAV or MP3, in base64.")
        checked = _checked(data, "A sound must be WAV or MP3")
        return {"audio": {"format": format, "source": {"bytes": checked}}}

    def _name(self, filename: str) -> str:
        """Return the name of a document, fit for the provider; a second of a name has a number."""
        fit = " ".join(_UNFIT.sub(" ", filename.rpartition(".")[0] or filename).split())
        name = fit[:_LONGEST_NAME].strip() or _NAMELESS
        number = self._names.get(name, 0) + 1
        while (told := name if number == 1 else f"{name} ({number})") in self._taken:
            number += 1
        self._names[name] = number
        self._taken.add(told)
        return told


def _inline(url: str, kinds: dict[str, str], wanted: str) -> tuple[str, str]:
    """Return the format and the bytes, in base64, of what a data: URL holds."""
    found = _INLINE.match(url)
    kind = kinds.get(found[1].lower()) if found else None
    if found is None or kind is None:
        raise unsupported("messages", f"{wanted}, in base64.")
    return kind, _checked(url[found.end() :], wanted)


def _checked(data: str, wanted: str) -> str:
    if len(data) % 4 or _BASE64.fullmatch(data) is None:
        raise unsupported("messages", f"{wanted}, in base64.")
    return data
