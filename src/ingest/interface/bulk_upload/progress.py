"""What a terminal shows of a run: bytes sent, documents finished."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from ingest.interface.bulk_upload.finding import FoundFile

_FIRST_COLUMN: Final = "[progress.description]{task.description}"


@contextmanager
def progress_bars(
    files: Sequence[FoundFile], *, show: bool
) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    """Two functions: so many more bytes are sent; so many documents are finished."""
    if not show:
        yield (lambda _: None), (lambda _: None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Amount(ProgressColumn):
        """Done, total and rate, in files or megabytes."""

        def render(self, task: Task) -> Text:
            speed = task.speed or 0
            if task.fields["unit"] == "bytes":
                return Text(f"{task.completed / 1e6:.1f}/{(task.total or 0) / 1e6:.1f} MB {speed / 1e6:.1f} MB/s")
            return Text(f"{task.completed:.0f}/{task.total or 0:.0f} {speed:.1f}/s")

    with Progress(
        TextColumn(_FIRST_COLUMN),
        BarColumn(),
        Amount(),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        sending = progress.add_task("uploading", total=sum(file.size for file in files), unit="bytes")
        working = progress.add_task("searchable", total=len(files), unit="files")
        yield (
            lambda count: progress.advance(sending, count),
            lambda count: progress.update(working, completed=count),
        )
