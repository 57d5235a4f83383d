"""`python -m benchmarks.chosen_modules MODULES serve …`: a server of some modules alone, on stores of its own.

The settings refuse that, since the other modules would have to be somewhere; to be measured they need not.
"""

import gc
import sys
from collections.abc import Callable

import typer

from main import Application
from shared.lossy_stream import let_output_be_encoded
from shared.runtime.data_directory import DataDirectory
from shared.settings import Settings
from shared.silence import fetch_nothing
from shared.web.serving_cli import add_serving_commands


class _Chosen(Application):
    def __init__(
        self, settings: Settings, directory: DataDirectory, find_model: Callable[[], str | None] | None = None
    ) -> None:
        super().__init__(settings.model_copy(update={"modules": _modules}), directory, find_model)


def serve(application: type[Application]) -> None:
    """Begins as main.py does, with the commands that serve alone."""
    gc.disable()
    fetch_nothing()
    let_output_be_encoded()
    commands = typer.Typer()
    add_serving_commands(commands, application)
    commands()


if __name__ == "__main__":
    _modules = tuple(sys.argv.pop(1).split(","))
    serve(_Chosen)
