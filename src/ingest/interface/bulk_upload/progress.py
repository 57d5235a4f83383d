"""What a terminal shows of a run: bytes sent, documents finished, pages and chunks of large ones that are at work."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from ingest.interface.bulk_upload.finding import FoundFile

_FIRST_COLUMN: Final = "[progress.description]{task.description}"


class Bars(NamedTuple):
    """How they are moved."""

    sent: Callable[[int], None]
    """So many more bytes are sent."""
    finished: Callable[[int], None]
    """So many documents are finished."""
    pages: Callable[[int, int], None]
    """So many pages of so many are read, of large documents at work; of 0 where there are none."""
    chunks: Callable[[int, int], None]
    """So many chunks of so many are done, of large documents at work; of 0 where there are none."""


@contextmanager
def progress_bars(files: Sequence[FoundFile], *, show: bool) -> Iterator[Bars]:
    """On standard error, gone when the block is left."""
    if not show:
        yield Bars(lambda _: None, lambda _: None, lambda _, __: None, lambda _, __: None)
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
        # Of large documents at work, as long as there are some.
        reading = progress.add_task("pages", total=None, unit="pages", visible=False)
        embedding = progress.add_task("chunks", total=None, unit="chunks", visible=False)
        yield Bars(
            lambda count: progress.advance(sending, count),
            lambda count: progress.update(working, completed=count),
            lambda done, total: progress.update(reading, completed=done, total=total, visible=total > 0),
            lambda done, total: progress.update(embedding, completed=done, total=total, visible=total > 0),
        )
