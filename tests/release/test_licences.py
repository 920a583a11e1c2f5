"""The licences of what comes along: on the page, permissive or excused, the same as locked."""

from email.message import Message
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import cast

import pytest

from tools.release import licences
from tools.release.licences import Row


class Said:
    """A package that says this of itself."""

    version = "1"

    def __init__(self, *fields: tuple[str, str]) -> None:
        self.metadata = Message()
        for name, value in (("Name", "A.Package"), *fields):
            self.metadata[name] = value

    def row(self) -> Row:
        return licences.row_of(cast("Distribution", self))


def rows() -> list[Row]:
    return licences.rows_on(licences.PAGE.read_text(encoding="utf-8"))


def test_the_page_names_what_is_locked_in_its_version() -> None:
    locked = {pin.name: pin.version for pin in licences.on_linux()}
    assert {row.name: row.version for row in rows()} == locked


def test_every_licence_is_permissive_or_has_its_reason() -> None:
    """R26: what asks for more than to be named stands on a list."""
    assert licences.refused(rows()) == []
    assert set(licences.EXCUSED) <= {row.name for row in rows()}


def test_the_page_says_what_the_installed_packages_say() -> None:
    """Another version may be installed here: its licence is the same, or the page is old."""
    different, seen = [], 0
    for row in rows():
        try:
            here = licences.row_of(distribution(row.name))
        except PackageNotFoundError:
            continue
        seen += 1
        different += [f"{row.name}: {here.licence}"] if here.licence != row.licence else []
    assert different == []
    assert seen > 30


def test_the_page_is_written_as_it_is_read() -> None:
    assert licences.render(rows()) == licences.PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("expression", "permissive"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("Apache-2.0 AND BSD-2-Clause", True),
        ("(MIT OR Apache-2.0) AND PSF-2.0", True),
        ("MIT AND GPL-3.0-only", False),
        ("AGPL-3.0-or-later", False),
        ("LGPL-3.0-only", False),
        ("MPL-2.0", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_what_asks_for_more_than_to_be_named_is_refused(expression: str, permissive: bool) -> None:
    assert licences.is_permissive(expression) is permissive
    assert bool(licences.refused([Row("a", "1", expression)])) is not permissive


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ([("License-Expression", "MIT"), ("License", "GPL")], "MIT"),
        ([("License", "Apache 2.0")], "Apache-2.0"),
        ([("License", "GPL-3.0")], "GPL-3.0"),
        (
            [
                ("License", "The whole\ntext"),
                ("Classifier", "License :: OSI Approved :: MIT License"),
            ],
            "MIT",
        ),
        ([("Classifier", "License :: OSI Approved :: BSD License")], "BSD License"),
        (
            [
                ("Classifier", "License :: OSI Approved :: MIT License"),
                ("Classifier", "License :: OSI Approved :: GNU Affero"),
            ],
            "MIT AND GNU Affero",
        ),
        ([], "unknown"),
    ],
)
def test_a_licence_is_read_from_what_a_package_says(
    fields: list[tuple[str, str]], licence: str
) -> None:
    assert Said(*fields).row() == Row("a-package", "1", licence)
