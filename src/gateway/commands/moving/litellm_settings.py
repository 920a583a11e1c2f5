"""LiteLLM's settings beside its models: routing, limits of the server, the cache, who may call."""

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

from gateway.commands.moving.litellm_params import Book
from gateway.commands.moving.litellm_without import CALLBACK, CALLBACKS
from gateway.commands.moving.reading import (
    MOST_RETRIES,
    SILENCE,
    Table,
    clocks,
    flag,
    items,
    number,
    seconds,
    table,
    text,
    whole,
)
from gateway.config.issuers import fault_of
from gateway.config.lines import Key
from gateway.config.names import check_name
from gateway.store.address import parse_store_url
from gateway.upstream.issuer_address import address_of, discovery_of

OURS: Final = "litellm_settings"
ROUTER: Final = "router_settings"
GENERAL: Final = "general_settings"

MIB: Final = 1_048_576
MOST_CALLS: Final = 10_000_000
KEPT: Final = 600.0
"""Seconds that an answer is kept where LiteLLM was not told."""

DEFAULTS: Final[Key] = ("defaults",)
STORE: Final[Key] = ("store",)
AUTH: Final[Key] = ("auth",)
SHARED: Final = "GATEWAY_SHARED"
PEPPER: Final = "GATEWAY_PEPPER"

STRATEGIES: Final[Mapping[str, str]] = {
    "simple-shuffle": "spread",
    "least-busy": "spread",
    "usage-based-routing": "spread",
    "usage-based-routing-v2": "spread",
    "latency-based-routing": "fastest",
}
SHUFFLED: Final = "spread"
COUNTED: Final = ("usage-based-routing", "usage-based-routing-v2")
ENFORCED: Final = "enforce_model_rate_limits"
"""A check of LiteLLM's that makes limits of what are weights otherwise."""

NO_STRATEGY: Final = "is no strategy here: homes are asked as `spread` says, the calmer first."
FEWER: Final = f"at most {MOST_RETRIES} further attempts are made at one home."
NOT_KEPT: Final = "answers are not kept in this way: a `cache.ttl` keeps equal ones, nothing else."
OPT_IN: Final = "nothing is kept: here a cache is for all calls of a model, or for none."
KEPT_SO_LONG: Final = "LiteLLM was told no ttl; answers are kept for 10 minutes."
KEYS_NOW: Final = (
    "The master key opened everything. Here the admin's key opens the page and its API, and callers"
    " have keys of their own: `gateway keys create NAME`, or `gateway import litellm --database`"
    " for those that LiteLLM gave out."
)
SWITCHES: Final = ("enable_jwt_auth", "enable_oauth2_auth", "enable_oauth2_proxy_auth")
NO_KEYS: Final = (
    "NO KEY is asked of callers here, since the file names none. LiteLLM also asks for one where"
    " LITELLM_MASTER_KEY or DATABASE_URL is set in its environment: if it is, run the import where"
    " it is set, or write `required = true` here, with a pepper and a database in [store]."
)
APART: Final = (
    "LiteLLM's database stays as it is: `gateway import litellm --database` takes its keys, teams"
    " and budgets over. This one is the gateway's own; several machines need a postgresql://."
)
DISCOVERY: Final = "/.well-known/openid-configuration"
NO_ISSUER: Final = "tokens of it could not be taken: the issuer, or where its keys are, {why}."
LOOPBACK: Final = (
    "LiteLLM listens on all addresses. This listens on loopback, until host says otherwise."
)


def read_settings(document: Table, book: Book) -> None:
    """Write all that the three tables of settings say and the gateway has."""
    ours, router, general = (table(document.get(each)) for each in (OURS, ROUTER, GENERAL))
    _routing(router, book)
    _patience(ours, router, book)
    _cooldown(ours, router, book)
    if "drop_params" in ours:
        drops = "drop" if flag(ours["drop_params"]) else "refuse"
        book.sheet.put(DEFAULTS, "on_unsupported", drops, (OURS, "drop_params"))
    _cache(ours, book)
    _shared(ours, router, book)
    _telling(ours, book)
    _server(general, book)
    _door(general, book)
    _issuer(general, book)


def is_enforced(document: Table) -> bool:
    """Say whether LiteLLM refuses calls above a deployment's rpm and tpm."""
    router = table(document.get(ROUTER))
    checks = items(router.get("optional_pre_call_checks"))
    return router.get("routing_strategy") in COUNTED or ENFORCED in checks


def _routing(router: Table, book: Book) -> None:
    said = router.get("routing_strategy")
    source = (ROUTER, "routing_strategy")
    if said is None:
        book.sheet.put(DEFAULTS, "strategy", SHUFFLED)
        return
    book.sheet.put(DEFAULTS, "strategy", STRATEGIES.get(str(said), SHUFFLED), source)
    if str(said) not in STRATEGIES:
        book.sheet.remark(DEFAULTS, source, NO_STRATEGY, said)


def _patience(ours: Table, router: Table, book: Book) -> None:
    """Retries and clocks; what the router says stands over the other table."""
    sheet = book.sheet
    timeout = of_streams = None
    for where, said, words in (
        (OURS, ours, ("request_timeout", "stream_timeout")),
        (ROUTER, router, ("timeout", "stream_timeout")),
    ):
        timeout = seconds(said.get(words[0])) or timeout
        of_streams = seconds(said.get(words[1])) or of_streams
        for word in words:
            if seconds(said.get(word)) is not None:
                sheet.trail[where, word] = (*DEFAULTS, "timeouts")
        retries = whole(said.get("num_retries"), 1_000)
        if retries is not None:
            source = (where, "num_retries")
            sheet.put(DEFAULTS, "retries", min(retries, MOST_RETRIES), source)
            if retries > MOST_RETRIES:
                sheet.remark(DEFAULTS, source, FEWER, retries)
    if found := clocks(timeout, of_streams):
        sheet.put(DEFAULTS, "timeouts", found)
        if timeout is not None and found["total"] > timeout:
            sheet.add(DEFAULTS, SILENCE)


def _cooldown(ours: Table, router: Table, book: Book) -> None:
    found: dict[str, object] = {}
    sources: list[Key] = []
    for where, said in ((OURS, ours), (ROUTER, router)):
        if (fails := whole(said.get("allowed_fails"), 999)) is not None:
            found |= {"failures": fails + 1, "window": 60.0}
            sources.append((where, "allowed_fails"))
        if (rest := seconds(said.get("cooldown_time"))) is not None:
            found["rest"] = rest
            sources.append((where, "cooldown_time"))
        if "disable_cooldowns" in said:
            found |= {"failures": 0} if flag(said["disable_cooldowns"]) else {}
            sources.append((where, "disable_cooldowns"))
    if sources:
        book.sheet.put(DEFAULTS, "cooldown", found, *sources)


def _cache(ours: Table, book: Book) -> None:
    sheet, source, params = book.sheet, (OURS, "cache"), table(ours.get("cache_params"))
    if not flag(ours.get("cache")):
        return
    kind = text(params.get("type")) or "local"
    if kind not in {"local", "redis"}:
        sheet.remark(DEFAULTS, source, NOT_KEPT, kind)
        return
    if params.get("mode") == "default_off":
        sheet.remark(DEFAULTS, source, OPT_IN)
        return
    ttl = seconds(params.get("ttl"))
    sheet.put(DEFAULTS, "cache", {"ttl": ttl or KEPT}, source)
    for word in ("type", *(("ttl",) if ttl is not None else ())):
        if word in params:
            sheet.trail[OURS, "cache_params", word] = (*DEFAULTS, "cache")
    if ttl is None:
        sheet.add(DEFAULTS, KEPT_SO_LONG)


def _shared(ours: Table, router: Table, book: Book) -> None:
    """Have processes count together where LiteLLM's did, by the same Redis."""
    params = table(ours.get("cache_params"))
    said = {word.removeprefix("redis_"): word for word in router if word.startswith("redis_")}
    if said:
        where: Key = (ROUTER,)
        values = {short: router[word] for short, word in said.items()}
    elif flag(ours.get("cache")) and params.get("type") == "redis":
        where = (OURS, "cache_params")
        words = ("host", "port", "password", "db", "url", "ssl", "username")
        said = {word: word for word in words if word in params}
        values = {word: params[word] for word in said}
    else:
        return
    sources: list[Key] = [(*where, word) for word in said.values()]
    book.sheet.extras["shared"] = "processes count together, and keep answers together"
    address = _redis(values, book)
    if address is not None:
        book.sheet.put(STORE, "shared", address, *sources)
        return
    what = "the address of the Redis, as redis://:PASSWORD@HOST:PORT/0"
    book.sheet.put(STORE, "shared", book.secrets.variable(SHARED, what), *sources)


def _redis(values: Table, book: Book) -> str | None:
    """Return an address that holds no secret; None where it must come from the environment."""
    if any(values.get(word) is not None for word in ("password", "url", "username")):
        return None
    host = book.open.of(values.get("host"))
    port = whole(book.open.of(values.get("port", 6379)), 65_535, 1)
    db = whole(values.get("db", 0), 15)
    if host is None or port is None or db is None:
        return None
    address = f"{'rediss' if flag(values.get('ssl')) else 'redis'}://{host}:{port}/{db}"
    wrong = fault_of(parse_store_url, address)
    return address if wrong is None and quote(host) == host else None


def _telling(ours: Table, book: Book) -> None:
    sheet, where = book.sheet, ("telemetry",)
    if flag(ours.get("json_logs")):
        sheet.put(where, "log_format", "json", (OURS, "json_logs"))
    for word in ("callbacks", "success_callback", "failure_callback", "service_callbacks"):
        said = ours.get(word)
        for index, each in enumerate(items(said) or ([said] if isinstance(said, str) else [])):
            source: Key = (OURS, word, index) if isinstance(said, list) else (OURS, word)
            sheet.remark(where, source, CALLBACKS.get(str(each), CALLBACK), each)
    endpoint = book.open.variable("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_ENDPOINT")
    if endpoint is not None and "otel" in items(ours.get("callbacks")):
        what = "where traces go, a collector of OTLP over HTTP"
        secret = book.secrets.variable("OTEL_EXPORTER_OTLP_ENDPOINT", what)
        sheet.put(where, "otlp_endpoint", secret)
        sheet.extras["otel"] = "traces are told"


def _server(general: Table, book: Book) -> None:
    sheet, where = book.sheet, ("server",)
    sizes: tuple[tuple[str, str, Callable[[object], int | None]], ...] = (
        ("global_max_parallel_requests", "max_calls", lambda said: whole(said, MOST_CALLS, 1)),
        ("max_request_size_mb", "max_body_bytes", _mebibytes),
        ("max_response_size_mb", "max_answer_bytes", _mebibytes),
    )
    for word, setting, read in sizes:
        if (found := read(general.get(word))) is not None:
            sheet.put(where, setting, found, (GENERAL, word))
    sheet.add(where, LOOPBACK)


def _mebibytes(said: object) -> int | None:
    found = number(said)
    return int(found * MIB) if found is not None and 1 / MIB <= found <= MIB else None


def _door(general: Table, book: Book) -> None:
    """Keys must be shown where LiteLLM let in nobody without one."""
    sheet, secrets = book.sheet, book.secrets
    master, database = ((GENERAL, word) for word in ("master_key", "database_url"))
    has_master = text(general.get("master_key")) is not None
    if has_master:
        what = "what the operator signs in with, at least 16 characters"
        key = secrets.of(general.get("master_key"), what, "GATEWAY_ADMIN_KEY")
        sheet.put(("admin",), "key", key, master)
        sheet.add(("admin",), KEYS_NOW)
    if not (has_master or _is_shut(general, book)):
        sheet.add(AUTH, NO_KEYS, master)
        return
    what = "what hashes of keys are made with: `openssl rand -hex 32` makes one, keep it"
    sheet.put(AUTH, "required", True)
    sheet.put(AUTH, "pepper", secrets.variable(PEPPER, what))
    sheet.put(STORE, "database", "sqlite:///gateway.db")
    if general.get("database_url") is not None:
        sheet.remark(STORE, database, APART)


def _is_shut(general: Table, book: Book) -> bool:
    """Say whether LiteLLM asks who comes, besides by a master key of the file."""
    return (
        any(flag(general.get(word)) for word in SWITCHES)
        or any(text(general.get(word)) is not None for word in ("database_url", "custom_auth"))
        or book.open.variable("LITELLM_MASTER_KEY", "DATABASE_URL") is not None
    )


def _issuer(general: Table, book: Book) -> None:
    said, path = table(general.get("litellm_jwtauth")), (GENERAL, "litellm_jwtauth")
    issuer, audience = (book.open.of(said.get(word)) for word in ("issuer", "audience"))
    if not flag(general.get("enable_jwt_auth")) or issuer is None or audience is None:
        return
    found: dict[str, object] = {"issuer": issuer, "audience": audience}
    sources: list[Key] = [(GENERAL, "enable_jwt_auth"), (*path, "issuer"), (*path, "audience")]
    keys = book.open.of(said.get("public_key_url")) or DISCOVERY
    if "public_key_url" in said:
        sources.append((*path, "public_key_url"))
    if not keys.endswith(DISCOVERY):
        found["jwks_url"] = keys
    wrong = fault_of(check_name, issuer) or (
        fault_of(discovery_of, issuer) if keys.endswith(DISCOVERY) else fault_of(address_of, keys)
    )
    if wrong is not None:
        book.sheet.remark(AUTH, path, NO_ISSUER.format(why=wrong), said)
        return
    words = {"team_ids_jwt_field": "team", "team_id_jwt_field": "team", "user_id_jwt_field": "user"}
    claims = {words[word]: str(said[word]) for word in words if text(said.get(word))}
    sources += [(*path, word) for word in words if text(said.get(word))]
    if claims:
        found["claims"] = claims
    book.sheet.put(AUTH, "issuers", [found], *sources)
    book.sheet.extras["oidc"] = "tokens of an issuer are taken"
