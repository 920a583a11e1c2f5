"""A picture is well-formed, tells its figures aloud, and keeps within its frame."""

from xml.etree import ElementTree as ET

import pytest

from benchmarks.figures import Spread
from benchmarks.plot import LEFT, RIGHT, WIDTH, Bar, Chart, Scale, draw

NAMESPACE = {"svg": "http://www.w3.org/2000/svg"}


def chart(*values: tuple[float, float, float]) -> Chart:
    """Return a chart with a bar for each (median, lowest, highest)."""
    bars = [
        Bar(f"peer <{place}> & co", Spread(*value, 3), "ours" if place == 0 else "")
        for place, value in enumerate(values)
    ]
    return Chart("Requests & answers", "requests/s", "higher", bars)


def texts(picture: str) -> list[str]:
    """Return all texts of a picture."""
    return [node.text or "" for node in ET.fromstring(picture).iterfind(".//svg:text", NAMESPACE)]


def test_a_picture_is_well_formed_and_has_its_words() -> None:
    picture = draw(chart((120, 100, 140), (50, 50, 50)))
    root = ET.fromstring(picture)
    assert root.findtext("svg:title", namespaces=NAMESPACE) == "Requests & answers"
    assert root.findtext("svg:desc", namespaces=NAMESPACE) == (
        "requests/s, higher is better. Medians: peer <0> & co 120; peer <1> & co 50."
    )
    assert "prefers-color-scheme: dark" in picture
    assert {"120", "50", "requests/s; higher is better"} <= set(texts(picture))


def test_only_what_varies_has_a_whisker() -> None:
    picture = ET.fromstring(draw(chart((120, 100, 140), (50, 50, 50))))
    assert len(picture.findall(".//svg:path", NAMESPACE)) == 1


@pytest.mark.parametrize(
    ("values", "logarithmic"),
    [([10.0, 100.0], False), ([1.0, 100.0], True), ([0.0, 5.0], False), ([0.0, 0.01, 5.0], True)],
)
def test_values_that_lie_far_apart_get_a_logarithmic_scale(
    values: list[float], logarithmic: bool
) -> None:
    scale = Scale(values)
    assert scale.logarithmic is logarithmic
    places = [scale.at(value) for value in values]
    assert places == sorted(places)
    assert places[0] >= LEFT
    assert places[-1] <= WIDTH - RIGHT
    assert scale.at(0) == LEFT
    assert len(scale.ticks) >= 2


def test_a_scale_is_said_where_it_is_logarithmic() -> None:
    assert any("logarithmic" in text for text in texts(draw(chart((1, 1, 1), (900, 900, 900)))))
