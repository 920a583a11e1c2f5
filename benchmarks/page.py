"""The words of the page that stay, whatever is measured."""

from typing import Final

HEAD: Final = """\
# Benchmarks

How fast the gateway is, beside others that do a like job on the same machine in the same minutes.
A gateway stands between applications and a model provider. What matters is how many requests and
events one processor core carries, how much later an answer comes for it, how much memory an open
stream takes, and how soon the provider is told that the client has left. So a provider and clients
written in C, fast enough not to be what is waited for, stand behind and before each candidate,
which has **one core for itself**; the load has another. In each round every candidate starts
afresh, and all take turns in each scenario, the others halted meanwhile: what slows the machine
down hits all alike. A figure is the **median of the rounds**, the lowest and the highest stand in
brackets; a ratio is taken within each round, and then its median.

`python -m nox -s bench` measures anew and writes this page:
[how to run it, to read it, to add a candidate](../benchmarks/README.md).
All figures are in [results.json](benchmarks/results.json)."""

QUICK: Final = """\
**These figures come from a quick run.** It shows that everything works; each measurement was too
short to be trusted, and there was a tenth of the streams that the headings name."""

LIMITS: Final = """\
## What the figures do not say

- **Loopback is no network.** There is no TLS, no latency and no loss here. Between real machines
  every candidate's share of the time shrinks.
- **Not all do the same work.** nginx parses no body and knows no events; the routers choose among
  workers of one kind; Portkey and LiteLLM translate between providers. Each has the settings that
  its row tells, as its users would have them: none was slowed down.
- **A provider that answers at once** shows what a gateway costs, not what users feel: a real model
  takes far longer than most candidates here.
- **One core each.** Those that can use more cores carry more; the scenario with two workers tells
  by how much, of this gateway only.
- **A small machine is noisy.** Compare ratios within this page, not figures between pages."""
