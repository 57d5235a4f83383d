"""`python -m servers up|down|status|names|kinds`, and `start|stop|restart|pause|resume|kill NAME`."""

import argparse
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from servers import FOLDER, NAMES, Name, server_kind
from servers.control import Running, Servers
from servers.machine import CannotStart
from servers.programs import SERVERS

_HELD_BACK = ("qdrant",)
"""Not missed where it cannot be had: no package has it."""


def main() -> int:
    """0 if everything asked for was done."""
    parser = argparse.ArgumentParser(prog="servers", description="The servers that tests and trials use.")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where they live (default: .servers)")
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="start what does not run, and write urls.env")
    up.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)} (default: all)")
    verbs.add_parser("down", help="end everything that was started here")
    verbs.add_parser("status", help="one line for each server")
    verbs.add_parser("names", help="those that tests may use, with commas")
    verbs.add_parser("kinds", help="what each of them is, and what a test on it does not prove")
    for verb in ("start", "stop", "restart", "pause", "resume", "kill"):
        verbs.add_parser(verb).add_argument("name", choices=NAMES)
    given = parser.parse_args()
    servers = Servers(given.folder.resolve())
    try:
        if given.verb == "up":
            return _up(servers, given.names or [server.name for server in SERVERS])
        if given.verb == "down":
            return _down(servers)
        if given.verb == "status":
            for name in NAMES:
                print(f"{name:<9} {'runs' if servers.is_running(name) else 'does not run'}")
            return 0
        if given.verb in ("names", "kinds"):
            return _name() if given.verb == "names" else _tell_kinds()
        act: Callable[[Name], object] = getattr(servers, given.verb)
        done = act(given.name)
        if isinstance(done, Running):
            _tell(done)
        servers.write_urls()
    except CannotStart as error:
        print(f"{given.name}: {error}", file=sys.stderr)
        return 1
    return 0


def _up(servers: Servers, names: list[Name]) -> int:
    unknown = set(names) - set(NAMES)
    if unknown:
        print(f"no such server: {', '.join(sorted(unknown))} (there are {', '.join(NAMES)})", file=sys.stderr)
        return 2

    def start(name: Name) -> Running | CannotStart:
        try:
            return servers.start(name)
        except CannotStart as error:
            return error

    missed = 0
    # Each waits for its own program; what they fetch goes to folders of their own.
    with ThreadPoolExecutor(len(names)) as pool:
        for name, outcome in zip(names, pool.map(start, names), strict=True):
            if isinstance(outcome, Running):
                _tell(outcome)
                continue
            missed += name not in _HELD_BACK
            print(f"{name:<9} none: {outcome}", file=sys.stdout if name in _HELD_BACK else sys.stderr)
    print(f"written to {servers.write_urls()}")
    return 1 if missed else 0


def _tell(server: Running) -> None:
    how = "ran already" if server.was_running else f"up after {server.seconds:.1f} s"
    print(f"{server.name:<9} {server.url:<48} {how:<18} {server.kind}")


def _name() -> int:
    print(",".join(name for name in NAMES if server_kind(name) != "none"))
    return 0


def _tell_kinds() -> int:
    for name in NAMES:
        kind = server_kind(name)
        print(f"{name:<9} {kind}" + (": nothing of it is proven here" if kind == "none" else ""))
    return 0


def _down(servers: Servers) -> int:
    for name in NAMES:
        was_running = servers.is_running(name)
        servers.forget(name)
        if was_running:
            print(f"{name:<9} stopped")
    (servers.folder / "urls.env").unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
