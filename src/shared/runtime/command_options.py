"""Options that every command has: which data directory, or which server elsewhere, and with which key.

Each is the variable of its name, given for one command: what reads the settings needs to know of no option.
"""

import functools
import inspect
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from shared.setting_values import HERE
from shared.settings import PREFIX

DataDirOption = Annotated[
    Path | None, typer.Option("--data-dir", metavar="DIR", help="Where everything is kept (SEOGA_DATA_DIR).")
]
UrlOption = Annotated[str | None, typer.Option("--url", metavar="URL", help="A server elsewhere (SEOGA_URL).")]
ApiKeyOption = Annotated[
    str | None, typer.Option("--api-key", metavar="KEY", help="The key for the server (SEOGA_API_KEY).")
]
_OPTIONS: Final = {"data_dir": DataDirOption, "url": UrlOption, "api_key": ApiKeyOption}


def apply_options(given: dict[str, Any]) -> None:
    """For this process, as if their variables had been set."""
    for name, value in given.items():
        if value is not None:
            os.environ[PREFIX + name.upper()] = str(value)
    if given.get("data_dir") is not None and given.get("url") is None:
        # Who names a folder means its server, whatever the environment says of another one.
        os.environ[f"{PREFIX}URL"] = HERE


def add_options(commands: typer.Typer, *, only_here: Collection[str] = ()) -> None:
    """To every command below, where it has not an option of that name; those of `only_here` speak to no server."""
    for command in commands.registered_commands:
        if command.callback is not None:
            name = command.name or command.callback.__name__
            command.callback = _with_options(command.callback, ["data_dir"] if name in only_here else list(_OPTIONS))
    for group in commands.registered_groups:
        if group.typer_instance is not None:
            add_options(group.typer_instance, only_here=only_here)


def _with_options(callback: Callable[..., Any], names: list[str]) -> Callable[..., Any]:
    signature = inspect.signature(callback, eval_str=True)
    more = [name for name in names if name not in signature.parameters]

    @functools.wraps(callback)
    def command(**given: Any) -> Any:
        apply_options({name: given.pop(name) for name in more})
        return callback(**given)

    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_OPTIONS[name])
        for name in more
    ]
    command.__signature__ = signature.replace(  # type: ignore[attr-defined]  # what inspect looks for
        parameters=[*signature.parameters.values(), *options]
    )
    return command
