"""Makes pictures small: of the colours of a page the most frequent 256 are kept (PNG, palette)."""

import base64
import struct
import zlib
from pathlib import Path

import numpy as np
from playwright.sync_api import Page

COLOURS = 256

PIXELS = """
async (png) => {
  const bytes = Uint8Array.from(atob(png), (sign) => sign.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  const url = await new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.readAsDataURL(new Blob([data]));
  });
  return [image.width, image.height, url.slice(url.indexOf(",") + 1)];
}
"""


def keep(page: Page, path: Path) -> None:
    """Take a picture of a page as it stands."""
    whole = page.screenshot(animations="disabled", caret="hide")
    width, height, data = page.evaluate(PIXELS, base64.b64encode(whole).decode())
    pixels = np.frombuffer(base64.b64decode(data), np.uint8).reshape(-1, 4)[:, :3]
    path.write_bytes(_png(width, height, pixels))


def _png(
    width: int, height: int, pixels: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]"
) -> bytes:
    """Write pixels with the most frequent colours; each other one becomes the nearest of them."""
    found, places, counts = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
    kept = found[np.argsort(-counts, kind="stable")[:COLOURS]]
    apart = (found[:, None, :].astype(int) - kept[None, :, :].astype(int)) ** 2
    nearest = apart.sum(axis=2).argmin(axis=1).astype(np.uint8)
    rows = np.zeros((height, width + 1), np.uint8)
    rows[:, 1:] = nearest[places.reshape(-1)].reshape(height, width)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _part(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _part(b"PLTE", kept.tobytes()),
            _part(b"IDAT", zlib.compress(rows.tobytes(), 9)),
            _part(b"IEND", b""),
        )
    )


def _part(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
