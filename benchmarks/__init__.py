"""How fast it is, measured beside its peers: one core each, the same work, the same minute.

    __main__             python -m benchmarks: the command line
    rounds               who is measured when: peers take turns, so that drift hits all alike
    figures | bars       medians, spread, ratios; what is asked of them
    report | plot | show the page, its pictures, the terminal
    peers/               who is measured: how each is installed, configured and started
    scenarios | bench    what is measured
    load | wire/         the provider and the clients that measure, in C
    machine              cores, memory and processor time, as the kernel counts them

The load tools and the peers never meet on one core, and nothing reaches beyond loopback.
"""
