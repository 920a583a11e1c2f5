"""Lines of JSON: cuts a stream of bytes into lines as they arrive (NDJSON). Pure.

https://github.com/ndjson/ndjson-spec
"""

from gateway.words.errors import AnswerTooLarge


class Lines:
    """Gives whole lines, without what ends them and without empty ones; each within the limit."""

    __slots__ = ("_limit", "_refused", "_waiting")

    def __init__(self, max_line_bytes: int) -> None:
        self._limit = max_line_bytes
        self._refused = False
        self._waiting = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that these bytes complete.

        Raises `AnswerTooLarge` for a line above the limit; those before it are returned first.
        """
        if self._refused:
            raise self._refusal()
        *whole, rest = data.split(b"\n")
        if whole:
            whole[0] = bytes(self._waiting) + whole[0]
            self._waiting.clear()
        self._waiting += rest
        lines: list[bytes] = []
        for line in (*whole, self._waiting):
            if len(line) > self._limit:
                self._refused = True
                self._waiting.clear()
                if lines:
                    return lines
                raise self._refusal()
            if line is not self._waiting and (said := bytes(line).strip(b" \t\r")):
                lines.append(said)
        return lines

    def end(self) -> list[bytes]:
        """Say that no more bytes come: the last line need not end in a line feed."""
        return self.feed(b"\n")

    def _refusal(self) -> AnswerTooLarge:
        return AnswerTooLarge(f"The provider sent a line of more than {self._limit} bytes.")
