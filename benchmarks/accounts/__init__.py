"""The bars of keys, limits, budgets and the ledger, each measured on real processes.

    __main__             python -m benchmarks.accounts: the command line
    budget               many callers at once on one key with little money
    leave                clients that leave at any moment: what is still held afterwards?
    kill                 SIGKILL under load: what does the ledger know?
    usage                how long a million rows take to add up
    admission            what it costs to let a call in
    wording | settings   what is asked and answered, byte for byte; the gateway's configuration
    provider | client    those who do it
    watched | stage      a gateway that shows its purses; who starts processes and ends them
    books                what the ledger says
    records              what is kept of it all
    show | page          the table in the terminal, and docs/accounts.md

All traffic stays on loopback. Only processes that were started here are ended, by their ids.
"""
