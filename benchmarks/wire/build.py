"""Compiles the load tools into a directory, again only when their sources are newer.

python -m benchmarks.wire.build DIRECTORY
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).parent
PROGRAMS = ("upstream", "client")
FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra")
COMPILE_TIMEOUT = 120


class NotBuilt(Exception):
    """The load tools cannot be had; the text says why."""


def compile_tools(directory: Path) -> dict[str, Path]:
    """Return where each program is, compiled where it is missing or old; raises `NotBuilt`."""
    directory.mkdir(parents=True, exist_ok=True)
    changed = max(path.stat().st_mtime for path in SOURCES.glob("*.[ch]"))
    programs = {name: directory.absolute() / name for name in PROGRAMS}
    for name, program in programs.items():
        if not program.exists() or program.stat().st_mtime < changed:
            _compile(SOURCES / f"{name}.c", program)
    return programs


def _compile(source: Path, program: Path) -> None:
    name = os.environ.get("CC", "cc")
    compiler = shutil.which(name)
    if compiler is None:
        raise NotBuilt(
            f"There is no C compiler ({name}): install gcc or clang, or name one in the variable CC"
        )
    # Compiled aside, so that a process which runs the old program is not disturbed.
    fresh = program.with_name(f"{program.name}.{os.getpid()}")
    try:
        done = subprocess.run(
            [compiler, *FLAGS, "-o", fresh, source],
            check=False,
            capture_output=True,
            text=True,
            timeout=COMPILE_TIMEOUT,
        )
        if done.returncode:
            raise NotBuilt(f"{source.name} does not compile:\n{done.stderr}")
        fresh.replace(program)
    finally:
        fresh.unlink(missing_ok=True)


def main(arguments: list[str]) -> int:
    """Compile into the directory that the command line names; return the exit code."""
    if len(arguments) != 1:
        print("usage: python -m benchmarks.wire.build DIRECTORY", file=sys.stderr)
        return 2
    try:
        programs = compile_tools(Path(arguments[0]))
    except NotBuilt as error:
        print(error, file=sys.stderr)
        return 1
    for program in programs.values():
        print(program)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
