"""A library of our own before all others, for a process whose ground a test must move: in C."""

import subprocess
from pathlib import Path

FLAGS = ("-std=gnu11", "-O2", "-shared", "-fPIC")


def compiled(folder: Path, compiler: str, source: str) -> str:
    """Compile a file that lies beside this one; return what LD_PRELOAD is to be."""
    library = folder / f"{source}.so"
    path = Path(__file__).with_name(f"{source}.c")
    subprocess.run(
        [compiler, *FLAGS, "-o", str(library), str(path), "-ldl"], check=True, timeout=60
    )
    return str(library)
