"""The load tools are compiled where they are missing or old, and it is said why they cannot be."""

import os
from pathlib import Path

import pytest

from benchmarks.load import Tools, build
from benchmarks.wire.build import NotBuilt, main


def test_programs_are_compiled_only_when_they_are_old(tools: Tools) -> None:
    programs = (tools.upstream, tools.client)
    before = [program.stat().st_mtime_ns for program in programs]
    assert build(tools.upstream.parent) == tools
    assert [program.stat().st_mtime_ns for program in programs] == before
    os.utime(tools.upstream, (0, 0))
    assert build(tools.upstream.parent) == tools
    assert tools.upstream.stat().st_mtime_ns > before[0]
    assert tools.client.stat().st_mtime_ns == before[1]
    assert sorted(tools.upstream.parent.iterdir()) == sorted(programs)


def test_a_missing_compiler_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(NotBuilt, match=r"no C compiler \(no-such-compiler\): install gcc"):
        build(tmp_path)


def test_a_failing_compiler_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "false")
    with pytest.raises(NotBuilt, match=r"upstream\.c does not compile"):
        build(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_where_the_programs_are(
    tools: Tools,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert main([str(tools.client.parent)]) == 0
    assert capsys.readouterr().out.split() == [str(tools.upstream), str(tools.client)]
    monkeypatch.setenv("CC", "no-such-compiler")
    assert main([str(tmp_path)]) == 1
    assert "no C compiler" in capsys.readouterr().err
    assert main([]) == 2
