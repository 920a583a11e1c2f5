"""The workflows: actions pinned by commit, the least rights, no secret, upload apart from build."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.house.source import ROOT

FOLDER = ROOT / ".github/workflows"
PIN = re.compile(r"^[a-z0-9-]+/[a-z0-9-]+@[0-9a-f]{40}$")
USES = re.compile(r"uses: (?P<action>[^@\s]+)@(?P<commit>\S+)(?P<rest>.*)$")
RIGHTS = {
    ("ci", "all"): {"contents": "read"},
    ("ci", "pythons"): {"contents": "read"},
    ("ci", "supply"): {"contents": "read"},
    ("docs", "build"): {"contents": "read"},
    ("docs", "show"): {"id-token": "write", "pages": "write"},
    ("release", "attest"): {"attestations": "write", "id-token": "write"},
    ("release", "build"): {"contents": "read"},
    ("release", "publish"): {"id-token": "write"},
}
"""What each job may do. A right that is not listed here is one too many."""

Fields = dict[str, Any]


def workflows() -> dict[str, Fields]:
    return {path.stem: msgspec.yaml.decode(path.read_bytes()) for path in FOLDER.glob("*.yml")}


def jobs() -> Iterator[tuple[tuple[str, str], Fields]]:
    for name, workflow in workflows().items():
        for job, fields in workflow["jobs"].items():
            yield (name, job), fields


def unpinned(text: str) -> list[str]:
    """Find actions that are not pinned by commit, with the version in a remark."""
    found = [match for line in text.splitlines() if (match := USES.search(line))]
    return [
        match["action"]
        for match in found
        if not PIN.match(f"{match['action']}@{match['commit']}")
        or not re.fullmatch(r" # v\d+\.\d+\.\d+", match["rest"])
    ]


@pytest.mark.parametrize("name", ["ci", "docs", "release"])
def test_every_action_is_pinned_by_its_commit(name: str) -> None:
    """S1: a tag can be moved to other code, a commit cannot."""
    text = (FOLDER / f"{name}.yml").read_text(encoding="utf-8")
    assert unpinned(text) == []
    assert text.count("uses: ") == len(re.findall(USES.pattern, text, re.MULTILINE))


def test_one_action_has_one_commit_everywhere() -> None:
    commits: dict[str, set[str]] = {}
    for path in FOLDER.glob("*.yml"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if found := USES.search(line):
                commits.setdefault(found["action"], set()).add(found["commit"] + found["rest"])
    assert {action for action, found in commits.items() if len(found) > 1} == set()


def test_no_job_may_do_more_than_it_must() -> None:
    """S1: rights are given job by job, and by default there are none."""
    assert {name: job.get("permissions") for name, job in jobs()} == RIGHTS
    assert [flow["permissions"] for flow in workflows().values()] == [{}] * len(workflows())


def test_no_workflow_knows_a_secret() -> None:
    """S1, S4: there is no token to lose: PyPI knows the workflow itself."""
    text = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.yml"))
    assert re.findall(r"secrets\.|secrets:|password|api[-_]?token|pull_request_target", text) == []


def test_no_job_runs_for_hours() -> None:
    assert {name for name, job in jobs() if not 0 < job.get("timeout-minutes", 0) <= 45} == set()


def test_who_uploads_runs_nothing_of_ours() -> None:
    """S1: what builds may not publish, and what publishes takes the files that were checked."""
    jobs_of_release = workflows()["release"]["jobs"]
    for name in ("attest", "publish"):
        steps = jobs_of_release[name]["steps"]
        assert [step for step in steps if "run" in step] == []
        assert "build" in jobs_of_release[name]["needs"]
    assert "id-token" not in jobs_of_release["build"]["permissions"]
    assert jobs_of_release["publish"]["steps"][-1]["with"] == {"attestations": True}


def test_no_text_of_a_stranger_becomes_a_command() -> None:
    """What an expression says goes into a variable of the environment, never into a script."""
    scripts = [step["run"] for _, job in jobs() for step in job["steps"] if "run" in step]
    assert [script for script in scripts if "${{" in script] == []


def test_nothing_is_installed_but_by_hash() -> None:
    """S2: what .ci/run tests are the newest versions, and it has no rights."""
    scripts = [step["run"] for _, job in jobs() for step in job["steps"] if "run" in step]
    installs = [script for script in scripts if "install" in script]
    assert installs
    assert [script for script in installs if "--require-hashes" not in script] == []


def test_a_checkout_keeps_no_token() -> None:
    steps = [step for _, job in jobs() for step in job["steps"]]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert {step["with"]["persist-credentials"] for step in checkouts} == {False}


def test_every_session_that_a_workflow_asks_for_exists() -> None:
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    text = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.yml"))
    asked = set(re.findall(r"--session \"?([a-z]+)", text))
    assert {name for name in asked if f"\ndef {name}(session" not in noxfile} == set()
    assert asked >= {"docs", "pythons", "release", "supply"}


def test_a_release_is_checked_and_leaves_from_a_place_that_can_be_guarded() -> None:
    """Who may publish, and when, is said of the environment; PyPI knows it by its name."""
    release = workflows()["release"]["jobs"]
    scripts = " ".join(step.get("run", "") for step in release["build"]["steps"])
    assert re.findall(r"--session (\w+)", scripts) == ["supply", "release"]
    assert release["publish"]["environment"]["name"] == "pypi"


@pytest.mark.parametrize(
    "line",
    [
        "- uses: actions/checkout@v6",
        "- uses: actions/checkout@main # v6.0.1",
        "- uses: actions/checkout@8e8c483db84b4bee98b60c0593521ed34d9990e8",
        "- uses: actions/checkout@8e8c483 # v6.0.1",
        "- uses: Actions/Evil/sub@8e8c483db84b4bee98b60c0593521ed34d9990e8 # v6.0.1",
    ],
)
def test_an_action_that_is_not_pinned_is_found(line: str) -> None:
    assert len(unpinned(line)) == 1
