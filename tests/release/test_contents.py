"""A wheel holds our package and nothing else; the wheel of these very sources is built and read."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.house.source import ROOT
from tools.release import contents

STAMP = "1700000000"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Build the wheel twice, in an instant of its own each, and the sdist once."""
    folders = [tmp_path_factory.mktemp(name) for name in ("first", "second")]
    for folder, kinds in zip(folders, (("wheel", "sdist"), ("wheel",)), strict=True):
        targets = [option for kind in kinds for option in ("-t", kind)]
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-d", str(folder), *targets],
            check=True,
            cwd=ROOT,
            env={**os.environ, "SOURCE_DATE_EPOCH": STAMP, "TZ": f"X{len(kinds)}"},
            capture_output=True,
        )
    return [next(folder.glob("*.whl")) for folder in folders] + [*folders[0].glob("*.tar.gz")]


def test_the_wheel_holds_our_package_and_nothing_else(built: list[Path]) -> None:
    """S3: each file is one of the package or one of its papers, none is run at every start."""
    names = contents.names_of_wheel(built[0])
    assert contents.strangers_in_wheel(names) == []
    assert contents.lacking(names) == []
    assert contents.twice(names) == []


def test_the_wheel_holds_every_file_of_the_package(built: list[Path]) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "src/gateway"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    tracked = {name.removeprefix("src/") for name in listed.stdout.splitlines()}
    there = {name for name in tracked if (ROOT / "src" / name).exists()}
    assert len(there) > 100
    assert there - set(contents.names_of_wheel(built[0])) == set()


def test_the_sdist_holds_what_the_wheel_is_made_of_and_nothing_else(built: list[Path]) -> None:
    names = contents.names_of_sdist(built[2])
    assert contents.strangers_in_sdist(names) == []
    packed = {name.partition("/src/")[2] for name in names if "/src/" in name}
    assert packed == {name for name in contents.names_of_wheel(built[0]) if contents.is_ours(name)}


def test_the_same_sources_make_the_same_wheel(built: list[Path]) -> None:
    assert built[0].read_bytes() == built[1].read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "gateway_init.pth",
        "gateway/x.pth",
        "gateway/.hidden.py",
        "gateway/__pycache__/app.py",
        "gateway/app.cpython-311.pyc",
        "gateway/app.so",
        "gateway/../evil.py",
        "gateway//evil.py",
        "/gateway/evil.py",
        "gateway",
        "tests/test_app.py",
        "sitecustomize.py",
        "nursery_gateway-0.1.0.dist-info/evil.py",
        "nursery_gateway-0.1.0.data/scripts/gateway",
        "nursery_gateway-0.1.0.data/purelib/x.pth",
        "nursery_gateway-.dist-info/METADATA",
    ],
)
def test_a_stranger_in_a_wheel_is_found(name: str) -> None:
    good = ["gateway/app.py", "gateway/py.typed", "nursery_gateway-0.1.0.dist-info/METADATA"]
    assert contents.strangers_in_wheel([*good, name]) == [name]


def test_what_a_wheel_lacks_is_said() -> None:
    assert "no gateway/py.typed" in contents.lacking(["gateway/__init__.py"])
    assert "nothing in gateway/store/lua" in contents.lacking(["gateway/store/lua.py"])


def test_a_name_that_stands_twice_is_found(tmp_path: Path) -> None:
    wheel = tmp_path / "x.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("gateway/app.py", "one")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("gateway/app.py", "two")
    assert contents.twice(contents.names_of_wheel(wheel)) == ["gateway/app.py"]


def test_a_link_in_a_sdist_is_a_stranger(tmp_path: Path) -> None:
    sdist = tmp_path / "x.tar.gz"
    with tarfile.open(sdist, "w:gz") as archive:
        link = tarfile.TarInfo("nursery_gateway-0.1.0/src/gateway/app.py")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("nursery_gateway-0.1.0/README.md"))
        archive.addfile(tarfile.TarInfo("nursery_gateway-0.1.0/tests/data.xz"))
    assert contents.strangers_in_sdist(contents.names_of_sdist(sdist)) == [
        "nursery_gateway-0.1.0/src/gateway/app.py (no file)",
        "nursery_gateway-0.1.0/tests/data.xz",
    ]


def test_what_an_installation_brings_along_is_found(tmp_path: Path) -> None:
    papers = tmp_path / "nursery_gateway-0.1.0.dist-info"
    papers.mkdir()
    rows = [
        "../../../bin/gateway,sha256=x,1",
        "gateway/__pycache__/app.cpython-311.pyc,,",
        "gateway/app.py,sha256=x,1",
        "nursery_gateway-0.1.0.dist-info/INSTALLER,sha256=x,1",
    ]
    (papers / "RECORD").write_text("\n".join(rows))
    (tmp_path / "_virtualenv.pth").touch()
    assert contents.installed(tmp_path) == []
    (tmp_path / "evil.pth").touch()
    strange = ["../../../bin/evil", "evil.pth", "evil/__pycache__/app.cpython-311.pyc"]
    (papers / "RECORD").write_text("\n".join([*rows, *(f"{name},," for name in strange)]))
    assert contents.installed(tmp_path) == ["evil.pth", *strange]
    for number in range(contents.PACKAGES):
        (tmp_path / f"p{number}-1.dist-info").mkdir()
    assert contents.installed(tmp_path)[-1] == "46 packages are installed"


def test_what_is_not_installed_is_said(tmp_path: Path) -> None:
    assert contents.installed(tmp_path) == ["it is installed 0 times"]
