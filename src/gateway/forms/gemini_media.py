"""Turns pictures, sounds and files of a chat completion into parts that Gemini takes. Pure.

The provider is given the bytes themselves, or an address that it can read within its own house:
the gateway fetches nothing, so any other address is refused.

https://ai.google.dev/gemini-api/docs/files
"""

import re
from typing import Final

from gateway.forms.asked import unsupported

Part = dict[str, object]

_INLINE: Final = re.compile(r"data:([a-z]+/[a-z0-9.+-]+)(?:;[a-z0-9.+=-]+)*;base64,", re.IGNORECASE)
_STORED: Final = re.compile(
    r"gs://[^/]+/.+|https://generativelanguage\.googleapis\.com/v1(?:beta|alpha)?/files/[\w-]+",
    re.DOTALL,
)
_LONGEST_URL: Final = 4096

_KINDS: Final = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "heic": "image/heic",
    "heif": "image/heif",
    "gif": "image/gif",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/plain",
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "m4a": "audio/mp4",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "mpeg": "video/mpeg",
}
"""What a file in a bucket is, by the end of its name: there the provider wants to be told."""

_SOUNDS: Final = {
    "wav": "audio/wav",
    "mp3": "audio/mp3",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "aiff": "audio/aiff",
}


def part_of(url: str, what: str) -> Part:
    """Return the part for a `data:` URL, or for a file that the provider has. Raises `Unsupported`.

    `what` names it to the client.
    """
    found = _INLINE.match(url)
    if found is not None:
        return {"inlineData": {"mimeType": found[1].lower(), "data": url[found.end() :]}}
    if len(url) > _LONGEST_URL or _STORED.fullmatch(url) is None:
        raise unsupported(
            "messages",
            f"{what} must be a data: URL in base64, a gs:// address, or one of the Files API:"
            " the gateway fetches none.",
        )
    if not url.startswith("gs://"):
        return {"fileData": {"fileUri": url}}
    kind = _KINDS.get(url.rpartition(".")[2].lower())
    if kind is None:
        raise unsupported("messages", f"{what} at a gs:// address must end in a known ending.")
    return {"fileData": {"mimeType": kind, "fileUri": url}}


def sound_of(data: str, format: str) -> Part:
    """Return the part for a sound in base64. Raises `Unsupported`."""
    kind = _SOUNDS.get(format)
    if kind is None:
        known = ", ".join(_SOUNDS)
        raise unsupported("messages", f"The 'format' of 'input_audio' must be one of {known}.")
    return {"inlineData": {"mimeType": kind, "data": data}}
