"""Writes docs/providers.md from the table of kinds: `python -m tests.house.providers`."""

from collections.abc import Container, Iterable, Iterator

from gateway.config.discover import CLOUDS, LOCAL_SERVERS
from gateway.forms.chat_parts import DIALECT as MISTRALS
from gateway.providers import openai
from gateway.providers.known import KNOWN, Named
from gateway.providers.table import TABLE
from tests.house.features import KINDS, MEANING, Row, answered_rows, asked_rows
from tests.house.source import ROOT

PAGE = ROOT / "docs/providers.md"

OPENAI = Named(
    *("openai", "OpenAI", openai.Options().base_url, "OPENAI_API_KEY"),
    lists=False,
    responses=True,
)
"""The kind for every other server too, so nothing is taken for granted but the address."""

HEAD = """\
# Providers

This page is made by `python -m tests.house.providers` from the table of kinds.

A provider is a table `[providers.NAME]`, and its `kind` says how it is spoken to. The kind is the
table's own name unless the table says another, so this is a whole provider:

```toml
[providers.groq]
api_key = { env = "GROQ_API_KEY" }
```

It has the address below, is shown the key as `authorization: Bearer …`, and offers whatever models
it lists. Each default gives way to what the table says, and several tables may be of one kind:

```toml
[providers.night]
kind = "vllm"
base_url = "http://10.0.0.7:8000/v1"
models = ["writer"]
running_usage = true
```

`models` is `"*"` except where the last column says otherwise. With a `prefix` and `models = []`
every name that begins with the prefix is asked of the provider.
[Configuration](configuration.md#providersname) has all keys.

## On the net

The variable is the one in which the provider's own documentation keeps a key. In a file it counts
only where the file names it; without a file the gateway finds by it whom the column says.
"""

OWN = """
## On a machine of your own

They need no key; with one they are shown it. Without a file the gateway asks on this machine for
some of them, and a provider comes of it under the name in the column.
"""

OTHERS = """
## Others

Whatever else speaks OpenAI's form is of the kind `openai`, with its `base_url`. These kinds have
keys and ways of their own, which [configuration](configuration.md#providersname) tells:

{others}
A further kind of OpenAI's form is one row in `src/gateway/providers/known.py`: its name, who it is,
its address, its variable, and what is not as it is with most.
"""


FEATURES = """
## Who can what

Found by trying: what is asked is written for each kind, and is a request that the types of the
provider's own SDK take; what is answered is read in the golden wires of its form. Kinds that are no
column are as `openai`: what they are asked passes as it came, and they say themselves what they
cannot do. With `bedrock` and `vertex-anthropic` a model of Anthropic's is asked.

{meaning}
### What is asked

{asked}
### What is told of an answer

{answered}"""


def page() -> str:
    """Put the page together."""
    own = [each for each in KNOWN if not each.variable]
    net = [OPENAI, *(each for each in KNOWN if each.variable)]
    others = OTHERS.format(others=others_table({each.kind for each in (*net, *own)}))
    return HEAD + "\n" + net_table(net) + OWN + "\n" + own_table(own) + others + features()


def features() -> str:
    """Write what each kind can be told and can tell."""
    meaning = "".join(f"- **{word}**: {said}.\n" for word, said in MEANING.items())
    asked = _features_table(asked_rows())
    return FEATURES.format(meaning=meaning, asked=asked, answered=_features_table(answered_rows()))


def _features_table(rows: Iterable[Row]) -> str:
    heads = ("", *(f"`{kind}`" for kind in KINDS))
    return _table(heads, ((row.feature, *row.cells) for row in rows))


def net_table(kinds: Iterable[Named]) -> str:
    """Write the table of those who sell what they run."""
    found = {cloud.name for cloud in CLOUDS}
    rows = [
        (*_first(each), f"`{each.variable}`", "yes" if each.kind in found else "no", *_last(each))
        for each in kinds
    ]
    return _table(("kind", "who", "address", "variable", "found by it", "quirks"), rows)


def own_table(kinds: Iterable[Named]) -> str:
    """Write the table of servers that people run themselves."""
    found = {local.base_url: local.name for local in LOCAL_SERVERS}
    rows = [
        (*_first(each), f"`{found[each.base_url]}`" if each.base_url in found else "", *_last(each))
        for each in kinds
    ]
    return _table(("kind", "who", "address", "found as", "quirks"), rows)


def others_table(told: Container[str]) -> str:
    """Write the table of those that are more than a row of data."""
    rows = [
        (f"`{kind}`", str(module.Options.__doc__))
        for kind, module in TABLE.items()
        if kind not in told
    ]
    return _table(("kind", "what it is"), rows)


def quirks(named: Named) -> Iterator[str]:
    """Say what is not as it is with most."""
    if not named.base_url:
        yield "`base_url` has no default."
    if not named.lists:
        yield "`models` has no default."
    if named.running_usage:
        yield "Takes `running_usage`."
    if named.usage_unasked:
        yield "Streams report usage without being asked: `stream_options` is left out."
    if named.dialect == MISTRALS:
        yield "Thoughts are parts of its content, told as `reasoning_content` here, and back."
    for known, own in named.renames:
        yield f"`{known}` goes to it as `{own}`."
    if named.responses:
        yield "Speaks [Responses](responses.md) too."
    if named.shared_variable:
        yield "The variable is set for other ends too."
    if named.note:
        yield named.note


def _first(named: Named) -> tuple[str, str, str]:
    address = f"`{named.base_url}`" if named.base_url else ""
    return f"`{named.kind}`", named.title, address


def _last(named: Named) -> tuple[str]:
    return (" ".join(quirks(named)),)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    head, *lines = (f"| {' | '.join(cells)} |\n" for cells in (heads, *rows))
    return "".join((head, "|---" * len(heads), "|\n", *lines))


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
