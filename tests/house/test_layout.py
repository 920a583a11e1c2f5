"""Where files stand: tests mirror the house, names say what they hold, rooms re-export nothing."""

import ast
from collections.abc import Iterable, Mapping

from tests.house.source import Source, source, sources

FORBIDDEN_NAMES = {
    "base", "common", "core", "handler", "handlers", "helper", "helpers", "manager", "misc",
    "service", "util", "utils",
}  # fmt: skip

WITHOUT_TESTS = {
    "src/gateway/admin/keys/desk.py": "a struct and an exception; office/test_keys.py makes it",
    "src/gateway/admin/keys/forms.py": "structs without methods; keys/test_page.py fills them in",
    "src/gateway/commands/key_draft.py": "what `keys create` is told; test_keys.py runs it",
    "src/gateway/commands/key_place.py": "where `keys` looks; test_keys.py runs it",
    "src/gateway/commands/key_views.py": "what `keys` shows; test_keys.py runs it",
    "src/gateway/relay/hearing.py": "two protocols; those who have them are tested",
    "src/gateway/relay/house.py": "two structs, and a question that every test of a call asks",
    "src/gateway/store/line.py": "an interface; those who have it are tested",
    "src/gateway/upstream/aws_keys.py": "one struct without a method",
    "src/gateway/upstream/failures.py": "names of exceptions",
    "src/gateway/upstream/stream.py": "an interface; those who have it are tested",
    "src/gateway/words/call.py": "two structs without a method",
    "src/gateway/words/caller.py": "two structs without a method",
    "src/gateway/words/client.py": "one protocol",
    "src/gateway/words/grants.py": "three structs without a method",
    "src/gateway/words/life.py": "one protocol and a list of names",
}
"""Files that have no test file of their own, and why."""

BEHAVIOURS = {
    "tests/upstream/test_leaving.py": "a call that is left, whichever file it has come to",
}
"""Test files in a room that cross its files, and what they show."""

ELSEWHERE = (
    "tests/benchmarks/", "tests/browser/", "tests/docs/", "tests/fuzz/", "tests/house/",
    "tests/live/", "tests/npm/", "tests/release/", "tests/simulation/", "tests/wire/",
)  # fmt: skip
"""Tests of the house as a whole, of the wire, of the programs beside it: they mirror no room."""


def unmirrored(
    code: Iterable[str], tests: Iterable[str], excused: Mapping[str, str] = WITHOUT_TESTS
) -> list[str]:
    """Find files without tests, tests without a file, and excuses that nobody needs."""
    wanted = {mirror(path): path for path in code if is_tested(path)}
    present = set(tests)
    problems = [
        f"{path} has no {mirror_path}"
        for mirror_path, path in wanted.items()
        if mirror_path not in present and path not in excused
    ]
    problems += [
        f"{path} is excused, but it has tests or is gone"
        for path in excused
        if path not in wanted.values() or mirror(path) in present
    ]
    problems += [
        f"{path} mirrors no file"
        for path in sorted(present - wanted.keys())
        # What crosses rooms stands at the door of the tests and is named for what happens.
        if path.count("/") > 1 and not path.startswith(ELSEWHERE) and path not in BEHAVIOURS
    ]
    return problems


def mirror(path: str) -> str:
    """Say where the tests of a file stand."""
    folder, _, name = path.removeprefix("src/gateway/").rpartition("/")
    name = f"test_{name.strip('_')}" if name != "__main__.py" else "test_main.py"
    return "/".join(part for part in ("tests", folder, name) if part)


def is_tested(path: str) -> bool:
    """Say whether a file does anything: `options.py` and `__init__.py` hold declarations alone."""
    return not path.endswith(("/__init__.py", "/options.py"))


def badly_named(paths: Iterable[str]) -> list[str]:
    """Find files whose name says nothing."""
    return [
        path
        for path in paths
        if FORBIDDEN_NAMES & set(path.removesuffix(".py").replace("/", "_").split("_"))
    ]


def undescribed(module: Source) -> list[str]:
    """Find modules that do not say in a sentence what they are."""
    said = ast.get_docstring(module.tree)
    if not said:
        return [f"{module.path} has no docstring"]
    first = said.split("\n\n")[0].rstrip()
    return [] if first.endswith((".", ":")) else [f"{module.path} begins with no sentence"]


def reexports(module: Source) -> list[str]:
    """Find names that an `__init__.py` imports and does not use itself."""
    if module.name != "__init__.py":
        return []
    problems = []
    imported: dict[str, ast.stmt] = {}
    for node in module.tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            imported |= {(alias.asname or alias.name).split(".")[0]: node for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(name, ast.Name) and name.id == "__all__" for name in targets):
                problems.append(module.at(node, "lists names for others to take"))
    used = {node.id for node in ast.walk(module.tree) if isinstance(node, ast.Name)}
    unused = imported.keys() - used
    return problems + [module.at(imported[name], f"re-exports {name}") for name in sorted(unused)]


def test_the_tests_mirror_the_house() -> None:
    code = [module.path for module in sources("src")]
    tests = [module.path for module in sources("tests") if module.name.startswith("test_")]
    assert unmirrored(code, tests) == []


def test_file_names_say_what_they_hold() -> None:
    assert badly_named(module.path for module in (*sources("src"), *sources("tests"))) == []


def test_every_module_says_what_it_is() -> None:
    modules = (*sources("src"), *sources("tests"))
    assert [problem for module in modules for problem in undescribed(module)] == []


def test_rooms_reexport_nothing() -> None:
    assert [problem for module in sources("src") for problem in reexports(module)] == []


def test_a_file_without_tests_is_found() -> None:
    code = ["src/gateway/relay/carry.py", "src/gateway/app.py", "src/gateway/relay/options.py"]
    assert unmirrored(code, [], {}) == [
        "src/gateway/relay/carry.py has no tests/relay/test_carry.py",
        "src/gateway/app.py has no tests/test_app.py",
    ]


def test_a_test_file_that_mirrors_nothing_is_found() -> None:
    tests = ["tests/relay/test_gone.py", "tests/test_client_leaves.py", "tests/house/test_x.py"]
    assert unmirrored([], tests, {}) == ["tests/relay/test_gone.py mirrors no file"]


def test_an_excuse_that_is_no_longer_needed_is_found() -> None:
    excused = {"src/gateway/app.py": "", "src/gateway/gone.py": ""}
    assert unmirrored(["src/gateway/app.py"], ["tests/test_app.py"], excused) == [
        "src/gateway/app.py is excused, but it has tests or is gone",
        "src/gateway/gone.py is excused, but it has tests or is gone",
    ]


def test_the_main_file_has_a_mirror_too() -> None:
    assert mirror("src/gateway/__main__.py") == "tests/test_main.py"


def test_a_name_that_says_nothing_is_found() -> None:
    paths = ["src/gateway/relay/utils.py", "tests/stream_helpers.py", "src/gateway/relay/carry.py"]
    assert badly_named(paths) == paths[:2]


def test_a_module_without_a_sentence_is_found() -> None:
    assert undescribed(source("a.py", "x = 1")) == ["a.py has no docstring"]
    assert undescribed(source("a.py", '"""Stuff"""')) == ["a.py begins with no sentence"]
    assert undescribed(source("a.py", '"""Says what it is."""')) == []


def test_a_reexport_is_found() -> None:
    text = """
        import os
        from gateway.words.call import Call, Target

        __all__ = ["Call"]

        class Form:
            target: Target
    """
    assert reexports(source("src/gateway/forms/__init__.py", text)) == [
        "src/gateway/forms/__init__.py:5 lists names for others to take",
        "src/gateway/forms/__init__.py:3 re-exports Call",
        "src/gateway/forms/__init__.py:2 re-exports os",
    ]
    assert reexports(source("src/gateway/forms/chat.py", text)) == []
