"""The bill of materials names what is locked, with hashes and licences, and no folder of ours."""

from typing import Any

import pytest

from tools.release import bill
from tools.release.licences import Row
from tools.release.lock import Pin

HASH = "--hash=sha256:" + "0" * 64
PINS = [Pin("trio", "0.35.0", "", (HASH,)), Pin("quart-trio", "0.12.0", "", (HASH,))]
ROWS = [Row("trio", "0.35.0", "MIT OR Apache-2.0"), Row("quart-trio", "0.12.0", "MIT")]


def listing(**changed: str) -> dict[str, Any]:
    versions = {"Quart_Trio": "0.12.0", "nursery-gateway": "1.0.0", "pip": "26", "trio": "0.35.0"}
    components = [
        {
            "name": name,
            "version": version,
            "type": "library",
            "externalReferences": [{"url": f"file:///home/{name}"}],
        }
        for name, version in {**versions, **changed}.items()
        if version
    ]
    return {"metadata": {"tools": {}}, "components": components}


def test_a_bill_of_what_is_locked_is_right() -> None:
    assert bill.differs(listing(), PINS) == []


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"trio": ""}, "trio is locked and not listed"),
        ({"trio": "0.34.0"}, "trio is listed as 0.34.0, locked as 0.35.0"),
        ({"evil": "1"}, "evil is listed and not locked"),
        ({"nursery-gateway": ""}, "nursery-gateway is not listed"),
    ],
)
def test_a_bill_of_something_else_is_refused(changed: dict[str, str], problem: str) -> None:
    assert bill.differs(listing(**changed), PINS) == [problem]


def test_a_bill_is_of_the_gateway_and_has_hashes_and_licences() -> None:
    whole = bill.completed(listing(), PINS, ROWS)
    component = whole["metadata"]["component"]
    assert (component["name"], component["version"]) == ("nursery-gateway", "1.0.0")
    assert "externalReferences" not in component
    assert [part["name"] for part in whole["components"]] == ["Quart_Trio", "trio"]
    trio = whole["components"][1]
    assert trio["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert [each["value"] for each in trio["properties"]] == ["0" * 64]
