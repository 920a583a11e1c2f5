"""The table of peers, and what happens to one that is missing: it is left out with its reason."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.peers.install import distributions, size
from benchmarks.peers.litellm import WANTED
from benchmarks.peers.nginx import CONFIG
from benchmarks.peers.peer import Installed, Missing, Peer, Place, Ready
from benchmarks.peers.table import PEERS
from benchmarks.play import prepare
from benchmarks.show import Show


def test_a_peer_that_is_missing_is_left_out_with_its_reason(tmp_path: Path) -> None:
    there = Peer("there", "there", "", prepare=lambda _, __: Ready("1.2", tmp_path))
    missing = Peer("missing", "missing", "", prepare=lambda _, __: Missing("no compiler"))
    said = io.StringIO()
    ready, skipped = prepare([missing, there], tmp_path, Show(Console(file=said)))
    assert list(ready) == [there]
    assert skipped == {"missing": "no compiler"}
    assert "without missing: no compiler" in said.getvalue()


def test_peers_have_names_of_their_own() -> None:
    names = [peer.name for peer in PEERS]
    assert len(names) == len(set(names))
    assert all(peer.settings.endswith(".") for peer in PEERS)


@pytest.mark.parametrize("peer", [peer for peer in PEERS if peer.command], ids=lambda p: p.name)
def test_a_peer_speaks_with_loopback_alone(peer: Peer, tmp_path: Path) -> None:
    assert peer.command is not None
    place = Place(4321, 4322, tmp_path)
    command = peer.command(Ready("1", tmp_path), place)
    written = [path.read_text() for path in tmp_path.iterdir()]
    everything = " ".join([*command.arguments, *written, *peer.headers(place).values()])
    assert "4321" in everything
    assert "127.0.0.1:4322" in everything
    assert "https://" not in everything
    assert "0.0.0.0" not in everything


def test_the_two_releases_that_must_not_be_installed_are_not() -> None:
    assert "!=1.82.7" in WANTED
    assert "!=1.82.8" in WANTED


def test_nginx_logs_as_the_gateway_does() -> None:
    assert "access_log access.log" in CONFIG
    assert "proxy_buffering off" in CONFIG


def test_what_an_installation_takes_is_counted(tmp_path: Path) -> None:
    packages = tmp_path / "lib/python3.11/site-packages"
    for name in ("One_Two-1.5", "pip-24.0"):
        folder = packages / f"{name}.dist-info"
        folder.mkdir(parents=True)
        title, _, version = name.partition("-")
        (folder / "METADATA").write_text(f"Name: {title}\nVersion: {version}\n")
    (tmp_path / "file").write_bytes(b"x" * 1_000_000)
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert distributions(tmp_path) == {"one-two": "1.5"}
    assert Installed(round(size(tmp_path), 2), 1) == Installed(1.0, 1)
