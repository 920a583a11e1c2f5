"""An AI gateway in which every request runs in its own nursery.

The map of the house; imports run only downwards, rooms on one line do not know each other:

    __main__               python -m gateway
    commands | asgi        what a person starts; the face for stock Hypercorn
    supervisor             the parent of workers and admin: forks, replaces, has them drain
    app                    composition root: starts, serves, ends
    services               what outlives requests, each kept up
    assembly | office      what a worker holds, put together; what the admin holds
    furnish                what calls decide with, made of the configuration
    drain                  how one process ends, and who may say so
    config                 the file, the environment, the merged settings
    admin | downstream     the operator's site, a process of its own; I/O with clients: sockets,
                           HTTP/1.1, who has gone
    relay                  the corridor: the story of one call
    upstream | store | telemetry
                           I/O with providers; with the database, and with what processes share;
                           the taps that only watch
    endpoints              method and path to form and operation
    providers | policy     who may answer; what we decide; both pure
    forms                  wire formats, spoken in both directions; pure
    words                  the words that all rooms share; imports nothing of the house

Read `relay/carry.py` first: it tells the story of a call on one page.
"""

__version__ = "0.1.0"
