"""What a server's process does before anything else: its log is set up, and what the operator should know is told."""

import os

import typer

from shared.kernel import DomainError
from shared.lossy_stream import let_output_fail
from shared.runtime.stray_output import gather_stray_output
from shared.runtime.unknown_settings import unknown_settings
from shared.settings import PREFIX, Settings
from shared.telemetry import configure_logs, get_log, log_is_json, log_what_escapes
from shared.web.keys_file import warn_of_readable_secrets

_log = get_log("main")


def prepare_process(settings: Settings) -> None:
    """Once, in the process that serves."""
    let_output_fail()
    outlet = gather_stray_output() if settings.log_format == "json" else None
    configure_logs(level=settings.log_level, format=settings.log_format, stream=outlet)
    log_what_escapes()
    warn_of_readable_secrets()
    for words in unknown_settings():
        _log.warning(words, action="settings.unknown")
    # A child process that asks for the shared model looks for the server of this data directory.
    os.environ[f"{PREFIX}DATA_DIR"] = str(settings.data_dir.absolute())


def tell_failure(error: DomainError, *, of_server: bool) -> None:
    """Why the command ends, in one line on standard error; a server's is a line of its log where that is JSON."""
    if of_server and log_is_json():
        _log.error(error.title, action="main.failed", code=error.specific_code, reason=error.detail)
    else:
        typer.echo(f"{error.title}: {error.detail}", err=True)
