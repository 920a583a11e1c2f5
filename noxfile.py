"""What must hold before a change is taken: `python -m pip install nox && python -m nox`."""

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = True

PROJECT = nox.project.load_toml("pyproject.toml")

AT_ONCE = 2
"""Processes that share the files of tests: most of them wait for other processes."""

SHARED = ("--numprocesses", str(AT_ONCE), "--dist", "loadfile", "--no-loadscope-reorder")
"""In the order of their names: by the number of its tests the longest file would come last, and
one of the processes wait for it."""

FLOOR = 95
"""Per cent of lines and branches, for the whole."""

PURE_ROOMS = ("words", "forms", "providers", "policy")
"""Nothing in them needs a socket, so nothing in them goes untested: 100 %."""


LOCK = "deploy/container/requirements.lock"
TOOLS_LOCK = "tools/release/tools.lock"
BACKEND_LOCK = "tools/release/build.lock"
BILL = "build/nursery-gateway.cdx.json"

ALONE = [
    *(f"tests/{room}" for room in (*PURE_ROOMS, "relay", "downstream", "upstream", "telemetry")),
    "tests/test_leaving_in_memory.py",
    "tests/test_openai_client.py",
]
"""Tests of every room that a call passes, and of the real process with the official client."""


def groups(*names: str) -> list[str]:
    """Return the requirements of these groups in `pyproject.toml`."""
    return list(nox.project.dependency_groups(PROJECT, *names))


def run_tool(session: nox.Session, name: str, *args: str) -> None:
    """Run a program from the one environment that all that runs by default shares."""
    # nox keeps its cache beside the environments, wherever it was told to put them.
    programs = session.cache_dir.parent / "tools/bin"
    path = os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)])
    session.run(str(programs / name), *args, external=True, env={"PATH": path})


@nox.session(default=False)
def tools(session: nox.Session) -> None:
    """Prepare the environment of lint, types, imports, tests and simulation."""
    session.install("-e", ".", *groups("lint", "test"))
    # Tests start some hundred processes; where Python may write no bytecode, each would compile
    # the house for itself.
    session.run("python", "-m", "compileall", "-q", "src")


@nox.session(requires=["tools"], venv_backend="none")
def lint(session: nox.Session) -> None:
    """Read the code: rules, bans, layout."""
    run_tool(session, "ruff", "check", *session.posargs)
    run_tool(session, "ruff", "format", "--check", *session.posargs)


@nox.session(requires=["tools"], venv_backend="none")
def types(session: nox.Session) -> None:
    """Check all types, strictly."""
    run_tool(session, "mypy", *session.posargs)


@nox.session(requires=["tools"], venv_backend="none")
def imports(session: nox.Session) -> None:
    """Check which room imports which."""
    run_tool(session, "lint-imports", *session.posargs)


@nox.session(requires=["tools"], venv_backend="none")
def tests(session: nox.Session) -> None:
    """Run the tests and hold the coverage to its floors; arguments go to pytest.

    The floors hold for the whole of the tests alone: with arguments, coverage is only shown.
    """
    run_tool(session, "coverage", "erase")
    chosen = session.posargs or SHARED
    run_tool(session, "coverage", "run", "-m", "pytest", *chosen)
    run_tool(session, "coverage", "combine", "--quiet")
    if session.posargs:
        run_tool(session, "coverage", "report")
        return
    run_tool(session, "coverage", "report", f"--fail-under={FLOOR}")
    pure = ",".join(f"src/gateway/{room}/*" for room in PURE_ROOMS)
    run_tool(session, "coverage", "report", f"--include={pure}", "--fail-under=100")


@nox.session(requires=["tools"], venv_backend="none")
def simulate(session: nox.Session) -> None:
    """Run the corridor in simulated worlds, each from a seed; `-- --seeds 20000` runs more."""
    run = ("python", "-m", "tests.simulation")
    if session.posargs:
        run_tool(session, *run, *session.posargs)
        return
    run_tool(session, *run, "--seeds", "300", "--jobs", "2")
    run_tool(session, *run, "--forms", "--seeds", "150", "--jobs", "2")


@nox.session(default=False, requires=["tools"], venv_backend="none")
def screenshots(session: nox.Session) -> None:
    """Take the pictures of the operator's page anew, into docs/img; it needs chromium."""
    run_tool(session, "python", "-m", "tests.browser", *(session.posargs or ["docs/img"]))


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Fuzz each target under atheris, then compare with h11; `-- --seconds 60` is for each."""
    session.install("-e", ".", *groups("fuzz"))
    chosen = session.posargs or ["--seconds", "60"]
    targets = sorted(path.name for path in Path("tests/fuzz/corpus").iterdir())
    for name in [*targets, "differential"]:
        session.run("python", "-m", "tests.fuzz", name, *chosen)


@nox.session(default=False)
def news(session: nox.Session) -> None:
    """Show what the fragments will say in the change log."""
    session.install(*groups("release"))
    session.run("towncrier", "build", "--draft", "--version", "next", *session.posargs)


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Make the site of the pages, strictly, into build/site; `-- linkcheck` asks the network."""
    session.install(*groups("docs"))
    builder, *more = session.posargs or ["html"]
    kept = session.create_tmp()
    strictly = ("--fail-on-warning", "--keep-going", "--fresh-env", "--quiet", "--jobs", "auto")
    places = ("--conf-dir", "tools/site", "--doctree-dir", f"{kept}/doctrees")
    made = "build/site" if builder == "html" else f"build/{builder}"
    session.run("sphinx-build", "-b", builder, *strictly, *places, *more, ".", made)
    if builder == "html":
        session.run("python", "-m", "tools.site.links", made)


def fresh(session: nox.Session, name: str, *wanted: str) -> Path:
    """Make an environment with nothing but what is named; return where its packages stand."""
    place = Path(session.create_tmp()).absolute() / name
    session.run("uv", "venv", "--quiet", "--clear", "--python", f"{session.bin}/python", str(place))
    session.run("uv", "pip", "install", "--quiet", "--python", str(place), *wanted)
    return next(place.glob("lib/python3*/site-packages"))


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Lock all packages by hash, none younger than eight days; `-- --upgrade` takes new ones."""
    session.install("packaging>=25", "uv>=0.9")
    backend = Path(session.create_tmp()) / "build.in"
    backend.write_text("\n".join(PROJECT["build-system"]["requires"]))
    # What is wrong with a release is mostly found within days; until then others may try it.
    compiled = (
        *("uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
        *("--fork-strategy", "fewest", "--generate-hashes", "--exclude-newer", "8 days"),
        *("--custom-compile-command", "nox -s lock", *session.posargs),
    )
    session.run(*compiled, "--all-extras", "pyproject.toml", "--output-file", LOCK)
    session.run(*compiled, "--group", "release", "--output-file", TOOLS_LOCK)
    session.run(*compiled, str(backend), "--no-annotate", "--output-file", BACKEND_LOCK)
    session.run("python", "-m", "tools.release.lock")
    site = fresh(session, "whole", "--require-hashes", "--requirement", LOCK)
    session.run("python", "-m", "tools.release.licences", str(site), "docs/licences.md")


@nox.session(default=False)
def release(session: nox.Session) -> None:
    """Build a release into dist/, twice, and try it as installed; `-- v1.2.3` is held to it."""
    session.install("--require-hashes", "--requirement", TOOLS_LOCK)
    for tag in session.posargs:
        session.run("python", "-m", "tools.release.tag", tag)
    session.run("python", "-m", "tools.release.lock")
    stamp = str(session.run("git", "log", "-1", "--format=%ct", external=True, silent=True)).strip()
    session.run("python", "-m", "tools.release.build", "dist", stamp)
    built = [str(path) for path in sorted(Path("dist").glob("nursery_gateway-*"))]
    wheel = next(path for path in built if path.endswith(".whl"))
    session.run("twine", "check", "--strict", *built)
    session.run("check-wheel-contents", wheel)
    bare = fresh(session, "bare", "--constraints", LOCK, wheel)
    session.run("python", "-m", "tools.release.contents", str(bare))
    session.run("python", "-m", "tools.release.trial", str(bare.parents[2] / "bin"))
    whole = fresh(session, "whole", "--require-hashes", "--requirement", LOCK)
    session.run(
        "uv", "pip", "install", "--quiet", "--python", str(whole.parents[2]), "--no-deps", wheel
    )
    session.run("python", "-m", "tools.release.trial", str(whole.parents[2] / "bin"))
    session.run("python", "-m", "tools.release.licences", str(whole))
    Path(BILL).parent.mkdir(exist_ok=True)
    Path(BILL).unlink(missing_ok=True)
    made = ("--output-reproducible", "--of", "JSON", "--output-file", BILL)
    session.run("cyclonedx-py", "environment", *made, str(whole.parents[2] / "bin/python"))
    session.run("python", "-m", "tools.release.bill", BILL)


@nox.session(default=False)
def supply(session: nox.Session) -> None:
    """Ask for known holes in what is locked, and read the workflows; `-- --offline` asks nobody."""
    session.install("--require-hashes", "--requirement", TOOLS_LOCK)
    session.run("python", "-m", "tools.release.lock")
    session.run("zizmor", "--offline", "--persona", "auditor", "--strict-collection", ".github")
    if "--offline" not in session.posargs:
        for locked in (LOCK, TOOLS_LOCK, BACKEND_LOCK):
            session.run("pip-audit", "--strict", "--disable-pip", "--requirement", locked)


@nox.session(default=False, python=["3.11", "3.12", "3.13", "3.14"])
def pythons(session: nox.Session) -> None:
    """Run the tests that need nothing but Python on each one that is there; `-- tests` runs all."""
    session.install("-e", ".", *groups("test"))
    session.run("pytest", "--quiet", *(session.posargs or ALONE))


@nox.session(default=False)
def overload(session: nox.Session) -> None:
    """Hold 9,000 idle streams through one process, and let them leave at once."""
    session.install("-e", ".", *groups("bench"))
    kept = session.cache_dir / "benchmarks"
    session.run("python", "-m", "benchmarks.overload", "--cache", str(kept), *session.posargs)


@nox.session(default=False)
def rolling(session: nox.Session) -> None:
    """Restart two gateways behind nginx in turn under load, and see that no call fails."""
    session.install("-e", ".", *groups("bench", "test"))
    session.run("python", "-m", "benchmarks.rolling", *session.posargs)


@nox.session(default=False)
def deployment(session: nox.Session) -> None:
    """Hold what lies in deploy/ against Helm, Kubernetes, Compose and hadolint."""
    session.install("-e", ".", *groups("deploy", "test"))
    files = sorted(str(path) for path in Path("tests").glob("test_deploy_*.py"))
    required = "docker-compose,hadolint,helm_python,kubernetes_validate"
    given = {"GATEWAY_TESTS_REQUIRE": required}
    session.run("pytest", *(session.posargs or files), env=given)


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """Put load and faults on the gateway at once, and explain every call; `-- --minutes 30`."""
    session.install("-e", ".", *groups("bench"))
    kept = session.cache_dir / "benchmarks"
    session.run("python", "-m", "benchmarks.soak", "--cache", str(kept), *session.posargs)


@nox.session(default=False)
def reloading(session: nox.Session) -> None:
    """Change the configuration under 500 open streams, again and again, and break none."""
    session.install("-e", ".", *groups("bench"))
    kept = session.cache_dir / "benchmarks"
    session.run("python", "-m", "benchmarks.reloading", "--cache", str(kept), *session.posargs)


@nox.session(default=False)
def failover(session: nox.Session) -> None:
    """Show what a caller gets while a provider misbehaves; `-- --write` writes docs/failover.md."""
    session.install("-e", ".", *groups("bench"), "openai>=3")
    session.run("python", "-m", "benchmarks.failover", *session.posargs)


@nox.session(default=False)
def watched(session: nox.Session) -> None:
    """Measure what the operator's page costs the workers while it is open; it needs chromium."""
    session.install("-e", ".", *groups("bench"), "playwright>=1.50")
    kept = session.cache_dir / "benchmarks"
    session.run("python", "-m", "benchmarks.watched", "--cache", str(kept), *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure beside the peers and write docs/benchmarks.md; `-- --quick` sees that all works."""
    session.install(*groups("bench"))
    kept = session.cache_dir / "benchmarks"
    session.run("python", "-m", "benchmarks", "--cache", str(kept), *session.posargs)


@nox.session(default=False)
def prices(session: nox.Session) -> None:
    """Make the table of prices anew, of the latest genai-prices."""
    session.install("-e", ".", "genai-prices>=0.2.3")
    session.run("python", "tools/prices.py", *session.posargs)


@nox.session(default=False)
def accounts(session: nox.Session) -> None:
    """Measure the bars of keys, limits, budgets and the ledger; `-- --write` writes the page."""
    session.install("-e", ".", *groups("bench", "test"))
    session.run("python", "-m", "benchmarks.accounts", *session.posargs)


@nox.session(default=False)
def npm(session: nox.Session) -> None:
    """Run the official clients of Node.js against the gateway, a scripted provider behind it."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        session.skip("there is no Node.js here")
    session.install("-e", ".", *groups("test"))
    clients = Path(session.create_tmp())
    for name in ("package.json", "package-lock.json", "smoke.mjs"):
        shutil.copy(Path("tests/npm") / name, clients / name)
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund")
    with session.chdir(clients):
        session.run("npm", "ci", *quiet, external=True)
    given = {"GATEWAY_NPM": str(clients.absolute())}
    session.run("pytest", "tests/npm", *session.posargs, env=given)


@nox.session(default=False)
def live(session: nox.Session) -> None:
    """Ask the real providers whose keys are in the environment; it costs a little money."""
    session.install("-e", ".", *groups("test"))
    session.run("pytest", "tests/live", *session.posargs, env={"GATEWAY_LIVE": "1"})
