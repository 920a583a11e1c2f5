"""A picture keeps the colours that a page has most of, and the nearest of them for each other."""

import struct
import zlib
from collections.abc import Callable

import pytest


@pytest.fixture(autouse=True)
def installed(require: Callable[[str], str]) -> None:
    for name in ("numpy", "playwright"):
        require(name)


def parts(png: bytes) -> dict[bytes, bytes]:
    """Return what a picture is made of, each part by its name."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    found, rest = {}, png[8:]
    while rest:
        (length,) = struct.unpack(">I", rest[:4])
        found[rest[4:8]] = rest[8 : 8 + length]
        assert struct.unpack(">I", rest[8 + length : 12 + length]) == (
            zlib.crc32(rest[4 : 8 + length]),
        )
        rest = rest[12 + length :]
    return found


def test_few_colours_stay_as_they_are() -> None:
    import numpy as np

    from tests.browser.picture import _png

    pixels = np.array([[255, 255, 255], [9, 9, 9], [9, 9, 9], [0, 128, 0]], np.uint8)
    told = parts(_png(2, 2, pixels))
    palette = [told[b"PLTE"][at : at + 3] for at in range(0, len(told[b"PLTE"]), 3)]
    rows = zlib.decompress(told[b"IDAT"])
    assert (rows[0], rows[3]) == (0, 0), "no row is filtered"
    drawn = [palette[place] for place in rows[1:3] + rows[4:6]]
    assert drawn == [bytes(pixel) for pixel in pixels.tolist()]


def test_of_many_the_most_frequent_are_kept() -> None:
    import numpy as np

    from tests.browser.picture import COLOURS, _png

    frequent = [[number, 0, 0] for number in range(COLOURS)] * 2
    rare = [[7, 3, 0]]
    told = parts(_png(len(frequent) + 1, 1, np.array(frequent + rare, np.uint8)))
    palette = told[b"PLTE"]
    assert len(palette) == 3 * COLOURS
    last = zlib.decompress(told[b"IDAT"])[-1]
    assert palette[3 * last : 3 * last + 3] == bytes([7, 0, 0])
