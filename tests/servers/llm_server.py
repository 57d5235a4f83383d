"""`llm_server.py WEIGHTS PORT`: llama.cpp's HTTP server, in an environment of its own, until it is told to end."""

import os
import signal
import sys


def main() -> None:
    """Returns on SIGTERM and SIGINT."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.hostnames = ["127.0.0.1"]
    params.port = int(sys.argv[2])
    # Two conversations at once, each with a window of 4,096 tokens.
    params.n_ctx = 8192
    params.n_parallel = 2
    # By itself it takes all cores, and each thread spins until the others are done: where anything else wants a core,
    # a word takes ten times as long.
    threads = max(1, (os.cpu_count() or 2) // 2)
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    signal.sigwait(ends)


if __name__ == "__main__":
    main()
