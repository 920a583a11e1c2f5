"""What things are called in metrics and traces: OpenTelemetry's words, and labels that have an end.

A client chooses what model it asks for, and a provider what it says has answered. Only names that
are configured, or that a provider was seen to list, become labels (R10); any other is `other`.

https://github.com/open-telemetry/semantic-conventions-genai
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from gateway.telemetry.series import OTHER

NONE: Final = "none"
"""Who was asked where nobody was."""

MOST_NAMES: Final = 5_000
"""Names of models that are known: a provider's list may be long."""

PROVIDERS: Final = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "ollama-native": "ollama",
    "vertex": "gcp.vertex_ai",
    "vertex-anthropic": "gcp.vertex_ai",
    "xai": "x_ai",
}
"""OpenTelemetry's names for kinds of providers, where they are not ours."""

OPERATIONS: Final = {"completions": "text_completion"}
"""OpenTelemetry's names for operations, where they are not ours."""

_DATED = re.compile(r"[-@](?:\d{4}-\d{2}-\d{2}|\d{3,8})\Z", re.ASCII)


def provider_name(kind: str) -> str:
    """Return what OpenTelemetry calls a kind of provider."""
    return PROVIDERS.get(kind, kind)


def operation_name(operation: str) -> str:
    """Return what OpenTelemetry calls an operation of ours."""
    return OPERATIONS.get(operation, operation)


class Naming:
    """The names that may become labels."""

    def __init__(
        self, kinds: Mapping[str, str], models: Iterable[str], own: Iterable[str] = ()
    ) -> None:
        """`kinds` are those of providers by their names; `models` are the names that clients use,
        `own` those that providers have for them.
        """
        self.kinds = {name: provider_name(kind) for name, kind in kinds.items()}
        self._asked = dict.fromkeys(models)
        self._answers = {**self._asked, **dict.fromkeys(own)}

    def learn(self, models: Iterable[str], prefix: str = "") -> None:
        """Take in names that a provider lists, while there is room; clients say a prefix before."""
        for name in models:
            if len(self._answers) >= MOST_NAMES:
                return
            self._asked[prefix + name] = None
            self._answers[prefix + name] = self._answers[name] = None

    @property
    def names(self) -> tuple[dict[str, None], dict[str, None]]:
        """What clients may ask for, and who may answer, by the names of models."""
        return self._asked, self._answers

    def widen(self, other: "Naming") -> None:
        """Take in the names of another configuration, beside those that there were."""
        self.kinds |= other.kinds
        for mine, theirs in zip(self.names, other.names, strict=True):
            for name in theirs:
                if len(mine) < MOST_NAMES:
                    mine[name] = None

    def provider(self, target: str | None) -> tuple[str, str]:
        """Return whose a target is: as it is configured, and in OpenTelemetry's words."""
        if target is None:
            return NONE, NONE
        name = target.partition("/")[0]
        kind = self.kinds.get(name)
        return (OTHER, OTHER) if kind is None else (name, kind)

    def asked(self, model: str | None) -> str:
        """Return the label of a model that was asked for."""
        if model is None:
            return ""
        return model if model in self._asked else OTHER

    def answered(self, model: str | None) -> str:
        """Return the label of a model that has answered: one with a date counts as that without."""
        if model is None:
            return ""
        if model in self._answers:
            return model
        found = _DATED.search(model)
        dateless = "" if found is None else model[: found.start()]
        return dateless if dateless in self._answers else OTHER
