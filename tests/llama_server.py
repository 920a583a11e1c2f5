"""llama.cpp's own server as a program: `python llama_server.py model.gguf`, until stdin closes.

It prints its address once it listens. A process of its own, because it is one in the world too, and
because it speaks its mind on stderr.
"""

import sys

import xllamacpp

NAME = "tiny/random"
SLOTS = 2
"""Answers at the same time."""


def main(model: str) -> None:
    """Serve the model on loopback, on a free port."""
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = {NAME}
    params.port = 0
    params.n_parallel = SLOTS
    params.n_ctx = SLOTS * 32_768
    params.cpuparams.n_threads = 1
    params.endpoint_slots = True
    server = xllamacpp.Server(params)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    del server


if __name__ == "__main__":
    main(sys.argv[1])
