"""The child that has Kiwi: `python -m search.infrastructure.kiwi.process`.

A process of its own because Kiwi holds the interpreter's lock while it is loaded (more than a second in which a server
would answer nobody) and while it takes a text apart. It costs no more memory here, and breaks no server.
"""

from search.infrastructure.kiwi.engine import Engine
from shared.runtime.child import serve_parent


def main() -> None:
    """Serves the parent until its input ends."""
    engine = Engine()
    serve_parent(
        {
            "load": engine.load,
            "forms": engine.forms,
            "morphemes": engine.morphemes,
            "is_plausible": engine.is_plausible,
        }
    )


if __name__ == "__main__":
    main()
