"""The rules of structured concurrency that can be read off the code."""

import ast
from collections.abc import Callable

import pytest

from tests.house.source import Function, Source, dotted, own_nodes, source, sources

NURSERIES = {
    "src/gateway/admin/process.py": "the admin's services",
    "src/gateway/admin/workers.py": "one question to all workers",
    "src/gateway/app.py": "the services",
    "src/gateway/inquiries.py": "who asks providers now and again",
    "src/gateway/services.py": "those that run from the start to the end, and their last words",
    "src/gateway/downstream/listen.py": "the connections",
    "src/gateway/downstream/connection.py": "one connection",
    "src/gateway/downstream/front.py": "one call",
    "src/gateway/relay/start.py": "one race",
    "src/gateway/store/link.py": "one connection to the shared store and its jobs",
    "src/gateway/commands/demonstration/stage.py": "the demonstration",
    "src/gateway/commands/diagnosis/examine.py": "all checks at once",
    "src/gateway/commands/diagnosis/provider.py": "all keys of a provider at once",
    "src/gateway/commands/diagnosis/rounds.py": "the look-ups of names beside them",
    "src/gateway/commands/diagnosis/shared_store.py": "one connection to the shared store",
    "src/gateway/commands/diagnosis/through.py": "clients of a proxy",
}
"""The few places where tasks begin, and which."""

SHIELDS = {
    "src/gateway/admin/audit.py": "what was done is written down, with a deadline",
    "src/gateway/admin/wall.py": "a foreign server's own end of an answer, with a deadline",
    "src/gateway/upstream/send.py": "a foreign transport is closed with a deadline",
}
"""Everywhere else cleanup does not wait, so there is nothing to shield."""

SEAMS = {
    "src/gateway/upstream/dial.py": "it stands behind the seam `connect`",
}
"""Where the real network begins."""

Check = Callable[[Source], list[str]]


def nurseries(module: Source) -> list[str]:
    """Find nurseries outside the named places, and tasks that belong to no nursery."""
    problems = []
    for node in ast.walk(module.tree):
        name = dotted(node.func) if isinstance(node, ast.Call) else ""
        if name.endswith("open_nursery") and module.path not in NURSERIES:
            problems.append(module.at(node, "opens a nursery outside the named places"))
        if name.endswith(("spawn_system_task", "start_thread_soon")):
            problems.append(module.at(node, "starts what no nursery holds"))
    return problems


def shields(module: Source) -> list[str]:
    """Find shields outside the named places."""
    if module.path in SHIELDS:
        return []
    problems = []
    for node in ast.walk(module.tree):
        match node:
            case ast.keyword(arg="shield", value=ast.Constant(value=False)):
                continue
            case ast.keyword(arg="shield") | ast.Assign(targets=[ast.Attribute(attr="shield")]):
                problems.append(module.at(node, "shields what may not wait"))
    return problems


def excepts(module: Source) -> list[str]:
    """Find boundaries that catch too much, or, where connections end, too little (rule 6)."""
    problems = []
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Try | ast.TryStar):
            continue
        for handler in node.handlers:
            caught = {dotted(part) for part in caught_by(handler)}
            reraises = any(isinstance(part, ast.Raise) for part in ast.walk(handler))
            if handler.type is None:
                problems.append(module.at(handler, "catches everything"))
            elif (caught & {"BaseException", "BaseExceptionGroup"} and not reraises) or (
                caught & {"trio.Cancelled", "Cancelled"} and not reraises
            ):
                problems.append(module.at(handler, "catches a cancellation and keeps it"))
            elif (
                module.room == "downstream" and isinstance(node, ast.Try) and "Exception" in caught
            ):
                problems.append(module.at(handler, "must be `except* Exception`"))
    return problems


def caught_by(handler: ast.ExceptHandler) -> list[ast.expr]:
    """Return the classes that a handler names."""
    if handler.type is None:
        return []
    return list(handler.type.elts) if isinstance(handler.type, ast.Tuple) else [handler.type]


def async_generators(module: Source) -> list[str]:
    """Find async generators: what they hold open ends later and elsewhere (rule 12)."""
    return [
        module.at(function, f"{function.name} is an async generator")
        for _, function in module.functions()
        if isinstance(function, ast.AsyncFunctionDef)
        and any(isinstance(node, ast.Yield | ast.YieldFrom) for node in own_nodes(function.body))
    ]


def unbounded(module: Source) -> list[str]:
    """Find channels and queues without a limit (rule 13), and threads without a limiter (17)."""
    problems = []
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        sizes = [ast.unparse(argument) for argument in node.args]
        sizes += [ast.unparse(keyword.value) for keyword in node.keywords]
        if "open_memory_channel" in ast.unparse(node.func) and any("inf" in size for size in sizes):
            problems.append(module.at(node, "opens a channel without a limit"))
        if name.endswith(("queue.Queue", "LifoQueue", "PriorityQueue")) and not sizes:
            problems.append(module.at(node, "makes a queue without a limit"))
        limited = any(keyword.arg == "limiter" for keyword in node.keywords)
        if name.endswith("to_thread.run_sync") and not limited:
            problems.append(module.at(node, "uses the limiter that all share"))
    return problems


def waiting_cleanup(module: Source) -> list[str]:
    """Find a `finally` that awaits: when cancelled it does not run (rule 5)."""
    if module.path in SHIELDS:
        return []
    return [
        module.at(part, "awaits in a finally")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Try | ast.TryStar)
        for part in own_nodes(node.finalbody)
        if isinstance(part, ast.Await | ast.AsyncWith | ast.AsyncFor)
    ]


def seams(module: Source) -> list[str]:
    """Find what goes round the seams at which the simulator stands (rule 16)."""
    if module.path in SEAMS:
        return []
    round_it = ("open_tcp_stream", "open_ssl_over_tcp_stream", "serve_tcp", "serve_ssl_over_tcp")
    return [
        module.at(node, "goes round the seam `connect` or the boundary of `listen`")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and dotted(node.func).endswith(round_it)
    ]


def clocks(module: Source) -> list[str]:
    """Find clocks that a simulation cannot turn: there is Trio's, or `now` (rule 16)."""
    if module.room == "commands":  # a command measures for a person who waits
        return []
    readings = {f"{name}{unit}" for name in ("monotonic", "perf_counter") for unit in ("", "_ns")}
    return [
        module.at(node, "reads a clock that no test can turn")
        for node in ast.walk(module.tree)
        if dotted(node) in {f"time.{reading}" for reading in readings}
    ]


CHECKS = [nurseries, shields, excepts, async_generators, unbounded, waiting_cleanup, seams, clocks]


@pytest.mark.parametrize("check", CHECKS)
def test_the_house_keeps_its_rules_of_concurrency(check: Check) -> None:
    """G13, G15."""
    assert [problem for module in sources("src") for problem in check(module)] == []


def test_the_named_places_exist_or_are_yet_to_come() -> None:
    rooms = {module.path.rpartition("/")[0] for module in sources("src")}
    assert {path.rpartition("/")[0] for path in (*NURSERIES, *SHIELDS, *SEAMS)} <= rooms


@pytest.mark.parametrize(
    ("check", "text", "problem"),
    [
        (nurseries, "trio.open_nursery()", "opens a nursery outside the named places"),
        (nurseries, "trio.lowlevel.spawn_system_task(f)", "starts what no nursery holds"),
        (shields, "trio.CancelScope(shield=True)", "shields what may not wait"),
        (shields, "scope.shield = True", "shields what may not wait"),
        (excepts, "try: f()\nexcept: g()", "catches everything"),
        (excepts, "try: f()\nexcept BaseException: g()", "catches a cancellation and keeps it"),
        (excepts, "try: f()\nexcept (OSError, trio.Cancelled): g()", "catches a cancellation"),
        (excepts, "try: f()\nexcept Exception: g()", "must be `except* Exception`"),
        (excepts, "try: f()\nexcept (OSError, Exception): g()", "must be `except* Exception`"),
        (async_generators, "async def f():\n    if x:\n        yield 1", "is an async generator"),
        (unbounded, "trio.open_memory_channel(math.inf)", "opens a channel without a limit"),
        (unbounded, "trio.open_memory_channel[int](float('inf'))", "opens a channel without"),
        (unbounded, "queue.Queue()", "makes a queue without a limit"),
        (unbounded, "trio.to_thread.run_sync(f)", "uses the limiter that all share"),
        (
            waiting_cleanup,
            "async def f():\n  try: g()\n  finally: await h()",
            "awaits in a finally",
        ),
        (
            waiting_cleanup,
            "async def f():\n  try: g()\n  finally:\n    async with h: pass",
            "awaits",
        ),
        (clocks, "began = time.monotonic()", "reads a clock that no test can turn"),
        (clocks, "def f(now=time.perf_counter_ns): ...", "reads a clock"),
        (seams, "trio.open_tcp_stream(host, 80)", "goes round the seam"),
    ],
)
def test_a_broken_rule_of_concurrency_is_found(check: Check, text: str, problem: str) -> None:
    (found,) = check(source("src/gateway/downstream/gone.py", text))
    assert problem in found
    assert found.startswith("src/gateway/downstream/gone.py:")


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (shields, "trio.CancelScope(shield=False)"),
        (excepts, "try: f()\nexcept* Exception: g()"),
        (excepts, "try: f()\nexcept BaseException:\n    g()\n    raise"),
        (excepts, "try: f()\nexcept OSError: g()"),
        (async_generators, "async def f():\n    def g():\n        yield 1\n    return g"),
        (unbounded, "trio.open_memory_channel(8)"),
        (unbounded, "queue.Queue(8)"),
        (unbounded, "trio.to_thread.run_sync(f, limiter=own)"),
        (waiting_cleanup, "async def f():\n  try: await g()\n  finally: h()"),
    ],
)
def test_what_is_right_is_not_found(check: Check, text: str) -> None:
    assert check(source("src/gateway/downstream/gone.py", text)) == []


def test_the_named_places_may_do_what_others_may_not() -> None:
    assert nurseries(source("src/gateway/app.py", "trio.open_nursery()")) == []
    send = source("src/gateway/upstream/send.py", "trio.CancelScope(shield=True)")
    assert shields(send) == []
    assert waiting_cleanup(send) == []
    assert seams(source("src/gateway/upstream/dial.py", "trio.open_tcp_stream(host, 80)")) == []
    assert clocks(source("src/gateway/commands/demo.py", "time.perf_counter()")) == []
    plain = "try: f()\nexcept Exception: g()"
    assert excepts(source("src/gateway/telemetry/log.py", plain)) == []


def test_functions_are_found_wherever_they_stand() -> None:
    module = source(
        "a.py", "class A:\n    def b(self):\n        def c(): ...\nif x:\n    def d(): ..."
    )
    found: dict[str, Function] = dict(module.functions())
    assert list(found) == ["a.py:A.b", "a.py:A.b.c", "a.py:d"]
