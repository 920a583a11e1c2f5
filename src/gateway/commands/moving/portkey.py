"""A config of Portkey's, told as one of ours. It touches nothing and asks nobody."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.commands.moving.homes import EVERYTHING, UNLISTED, Home, Providers
from gateway.commands.moving.litellm_models import LEFT_OUT, REFUSED
from gateway.commands.moving.litellm_params import Book
from gateway.commands.moving.litellm_without import GUARDS, UNKNOWN
from gateway.commands.moving.portkey_fields import Fields
from gateway.commands.moving.portkey_target import Leaf, conduct_of, leaf_of
from gateway.commands.moving.reading import Open, Secrets, Table, name, number, references
from gateway.commands.moving.sheet import PROVIDERS, Reasons, Sheet
from gateway.commands.moving.trial import faults
from gateway.config.lines import Key

Conduct = Mapping[str, tuple[object, Key]]
DEFAULTS: Final[Key] = ("defaults",)
MODELS: Final[Key] = ("models",)

PARTS: Final = ("targets", "options", "strategy", "provider", "virtual_key", "virtualKey")

FLAT: Final = "targets within targets are all asked as one: the calmer first, whichever it is."
FIRST_ALONE: Final = "`single` asks its first target alone, so the others are left out."
WEIGHTLESS: Final = "a weight of 0 is never asked, so it is left out."
BY_NAME: Final = (
    "no condition chooses a target here: clients ask for a name. Each target has one,"
    " {names}; what is asked for {label} goes to the default."
)
BEHIND: Final = "names no model, and its models cannot be listed: ask for {kind}/MODEL."

NO_KEYS: Final = (
    "A config of Portkey's says nothing of who may come in, so no key is asked of callers here:"
    " write `required = true`, a pepper, and a database in [store], before others than this machine"
    " can reach it."
)

WITHOUT: Final[Reasons] = {
    "weight": (None, "homes are chosen by how busy they are, not by weights."),
    "on_status_codes": (
        DEFAULTS,
        "what is worth a retry, or another home, is decided by the kind of failure.",
    ),
    "use_retry_after_header": (DEFAULTS, "what a provider says in Retry-After is always heeded."),
    "override_params": (None, "clients say this in their requests; nothing is added to them."),
    "forward_headers": (None, "headers of clients pass by a list of the gateway's own."),
    "strict_open_ai_compliance": (None, "answers keep the form in which they are asked for."),
    "metadata": (None, "who asks is known by their key; it may have --metadata."),
    "name": (MODELS, "a target's name is nothing that a client could ask for."),
    "vertex_service_account_json": (
        PROVIDERS,
        "write the account's JSON to a file, and name that in credentials_file.",
    ),
    "aws_role_arn": (PROVIDERS, "roles come by AWS's usual chain, or by a `profile` of its files."),
    "trace_id": (("telemetry",), "clients say it in traceparent or x-request-id."),
    **dict.fromkeys(
        (
            *("input_guardrails", "output_guardrails", "before_request_hooks"),
            *("after_request_hooks", "default_input_guardrails", "default_output_guardrails"),
        ),
        (("guards",), GUARDS),
    ),
}


@dataclass(slots=True)
class Group:
    """Targets of which one is asked: the first in order, or the calmest."""

    leaves: list[Leaf]
    spread: bool = False


@dataclass(slots=True)
class _Telling:
    """A config while it is told."""

    book: Book
    providers: Providers
    taken: dict[str, bool] = field(default_factory=dict)
    """Names of models, and whether each means a group that nobody else may be in."""
    labels: set[str] = field(default_factory=set)

    def groups(self, fields: Fields, label: str, above: Conduct) -> list[Group]:
        """Return in which order whom a table asks."""
        targets = fields.each("targets") or fields.each("options")
        if not targets:
            leaf = leaf_of(fields, above, self.book)
            return [] if leaf is None or not self._stands(leaf) else [Group([leaf])]
        if fields.path:
            above = {**above, **conduct_of(fields, self.book)}
        strategy = fields.below("strategy")
        mode = strategy.text("mode") or fields.text("mode") or "single"
        sheet = self.book.sheet
        for place in (strategy, fields):
            if place.get("mode") is not None:
                sheet.trail[place.source("mode")] = (*MODELS, label)
        if mode == "conditional":
            return self._conditional(fields, targets, label, above)
        if mode == "single" and len(targets) > 1:
            for other in targets[1:]:
                sheet.remark(MODELS, other.path, FIRST_ALONE, other.said)
            targets = targets[:1]
        parts = [self.groups(each, label, above) for each in targets if self._weighs(each)]
        if mode != "loadbalance":
            return [group for part in parts for group in part]
        if any(len(part) > 1 or any(len(g.leaves) > 1 for g in part) for part in parts):
            sheet.add(MODELS, FLAT, fields.path)
        leaves = [leaf for part in parts for group in part for leaf in group.leaves]
        return [Group(leaves, spread=True)] if leaves else []

    def name(self, label: str, groups: list[Group]) -> None:
        """Have a name stand for groups, one after another."""
        targets: list[str] = []
        named = [group for group in groups if any(leaf.model for leaf in group.leaves)]
        for index, group in enumerate(named, 1):
            leaves = [leaf for leaf in group.leaves if leaf.model]
            part = None if len(named) == 1 else index
            public = self._public(leaves, group, label, part)
            for leaf in leaves:
                self._place(leaf, public, leaf.model or public)
            if group.spread and len(leaves) > 1:
                self.book.sheet.put((*MODELS, public), "strategy", "spread")
            targets.append(public)
        for group in groups:
            for leaf in group.leaves:
                if not leaf.model:
                    self._open(leaf, group)
        targets = list(dict.fromkeys(targets))
        if targets and targets != [label] and not self.providers.answers(label):
            self.book.sheet.put((*MODELS, label), "targets", targets)

    def _public(self, leaves: list[Leaf], group: Group, label: str, part: int | None) -> str:
        """Return the name of a group: its model's own, if that is one and means no other group."""
        models = {leaf.model for leaf in leaves}
        own = next(iter(models)) if len(models) == 1 else None
        spread = group.spread and len(leaves) > 1
        is_free = own not in self.labels or (own == label and part is None)
        is_alone = own not in self.taken or not (spread or self.taken[own])
        if own is not None and is_free and is_alone:
            self.taken[own] = spread
            return own
        return label if part is None else self.label(f"{label}/{part}")

    def label(self, wanted: str) -> str:
        """Return a name that nothing else has."""
        while wanted in self.labels or wanted in self.taken:
            wanted += "+"
        self.labels.add(wanted)
        return wanted

    def _conditional(
        self, fields: Fields, targets: list[Fields], label: str, above: Conduct
    ) -> list[Group]:
        strategy = fields.below("strategy")
        default = strategy.text("default")
        first: list[Group] = []
        names = []
        for index, each in enumerate(targets, 1):
            own = name(each.get("name")) or str(index)
            inner = self.label(f"{label}/{own}")
            groups = self.groups(each, inner, above)
            self.name(inner, groups)
            names.append(inner)
            if own == default or not first:
                first = groups
            if each.get("name") is not None:
                self.book.sheet.trail[each.source("name")] = (*MODELS, inner)
        text = BY_NAME.format(names=", ".join(names), label=label)
        self.book.sheet.remark(
            MODELS, strategy.source("conditions"), text, strategy.get("conditions")
        )
        if default is not None:
            self.book.sheet.trail[strategy.source("default")] = (*MODELS, label)
        return first

    def _weighs(self, fields: Fields) -> bool:
        weight = number(fields.get("weight"))
        if weight is not None and not weight:
            self.book.sheet.remark(PROVIDERS, fields.path, WEIGHTLESS, fields.said)
        return weight is None or bool(weight)

    def _stands(self, leaf: Leaf) -> bool:
        """Leave out settings that the gateway refuses, and targets of which it refuses more."""
        sheet, model = self.book.sheet, leaf.model or "x"
        found = faults(leaf.kind, leaf.settings, model, model)
        for setting, why in found:
            source = next((s for s, of in leaf.sources.items() if of == setting), leaf.fields.path)
            leaf.settings.pop(setting, None)
            leaf.sources = {s: of for s, of in leaf.sources.items() if of != setting}
            sheet.remark(PROVIDERS, source, REFUSED.format(why=why))
        left = faults(leaf.kind, leaf.settings, model, model) if found else ()
        if left:
            why = "; ".join(f"{setting} {why}" for setting, why in left)
            sheet.remark(PROVIDERS, leaf.fields.path, LEFT_OUT.format(why=why), leaf.fields.said)
        return not left

    def _place(self, leaf: Leaf, public: str, own: str) -> None:
        path = leaf.fields.path
        if deployment := _deployment(leaf):
            own = deployment
            leaf.sources[leaf.fields.source("deployment_id")] = "models"
        self.providers.place(Home(path, public, own, leaf.kind, leaf.settings, leaf.sources))

    def _open(self, leaf: Leaf, group: Group) -> None:
        """Have a provider answer for all its models, by its own names for them."""
        if deployment := _deployment(leaf):
            self._place(leaf, deployment, deployment)
            return
        prefix = f"{leaf.kind}/" if leaf.kind in UNLISTED else ""
        if prefix:
            text = BEHIND.format(kind=leaf.kind)
            self.book.sheet.add(PROVIDERS, text, leaf.fields.path)
        path, sources = leaf.fields.path, leaf.sources
        self.providers.place(Home(path, prefix, EVERYTHING, leaf.kind, leaf.settings, sources))
        if group.spread:
            self.book.sheet.put(DEFAULTS, "strategy", "spread")


def _deployment(leaf: Leaf) -> str | None:
    """Return what Azure calls a model of one's own; None where that can be no name here."""
    return name(leaf.fields.get("deployment_id")) if leaf.kind == "azure" else None


def told(document: Table, environ: Mapping[str, str], label: str) -> Sheet:
    """Return all that a config comes to. `label` is the name that clients ask for."""
    sheet = Sheet()
    book = Book(sheet, Secrets(sheet, references(document)), Open(environ, None))
    telling = _Telling(book, Providers(sheet))
    root = Fields(document, ())
    sheet.belongs(("targets",), PROVIDERS)
    for word in ("retry", "cache", "request_timeout", "requestTimeout"):
        sheet.belongs((word,), DEFAULTS)
    has_targets = bool(root.each("targets") or root.each("options"))
    if has_targets:
        for setting, (value, source) in conduct_of(root, book).items():
            sheet.put(DEFAULTS, setting, value, source)
    telling.labels.add(label)
    telling.name(label, telling.groups(root, label, {}))
    telling.providers.write()
    sheet.add(("auth",), NO_KEYS)
    named = (*MODELS, label)
    if named not in sheet.tables:
        # Then a strategy has come to no more than the order in which the providers stand.
        told = {source: PROVIDERS for source, place in sheet.trail.items() if place == named}
        sheet.trail.update(told)
    sheet.tell_rest(document, WITHOUT, UNKNOWN)
    sheet.settle()
    return sheet


def is_portkey(document: Table) -> bool:
    """Say whether this looks like a config of Portkey's at all."""
    return any(part in document for part in PARTS)
