"""The scorecard of fail-over: what a caller gets while a provider misbehaves, scenario by scenario.

    __main__             python -m benchmarks.failover: the command line
    scenarios            what happens in each, and which bars it must clear
    acts                 what a provider does, byte for byte
    upstream             a provider that does it, and notes every attempt
    client | reading     OpenAI's own client, and what was on the wire beneath it
    stage | settings     the gateways, two providers for each, and the course of a scenario
    judge                the bars: each finds problems, or none
    records              what is kept of it all
    show | page          the scorecard in the terminal, and docs/failover.md

Each scenario has a gateway of its own, which knows nothing of what went before. All traffic stays
on loopback.
"""
