"""PagePictures over child processes: at most two at once, each killed when a page is too much for it."""

import asyncio
from typing import Any, Final, Self

from typing_extensions import override

from shared.kernel import NotFound, Refused, Unavailable
from shared.ports.pages import PagePicture, PagePictures, PictureFormat
from shared.runtime.children import ChildEnded, ChildError, ChildLate, ChildLimits, ChildNotStarted, ChildProcess
from shared.telemetry import get_log

_NO_SUCH_PAGE: Final = "page_not_found"
_MODULE: Final = "shared.infrastructure.pages.child"
_MOST_CHILDREN: Final = 2
_PAGES_PER_CHILD: Final = 500
_DRAWN: Final = frozenset(
    ("application/pdf", "image/png", "image/jpeg", "image/tiff", "image/webp", "image/bmp", "image/gif")
)
_log = get_log("pages")


class PageRenderer(PagePictures):
    """An async context manager that starts nothing until a page is asked for; children end when they are idle."""

    def __init__(
        self, *, timeout_seconds: float, memory_bytes: int, most_pixels: int, idle_seconds: float = 30.0
    ) -> None:
        """Limits of one page; a child ends after `idle_seconds` without one."""
        self._timeout_seconds = timeout_seconds
        self._memory_bytes = memory_bytes
        self._most_pixels = most_pixels
        self._idle_seconds = idle_seconds
        self._turns = asyncio.Semaphore(_MOST_CHILDREN)
        # Each with how many pages it has drawn, and what ends it.
        self._idle: list[tuple[ChildProcess, int, asyncio.TimerHandle]] = []
        self._busy: set[ChildProcess] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._is_open = False

    async def __aenter__(self) -> Self:
        self._is_open = True
        return self

    async def __aexit__(self, *error: object) -> None:
        self._is_open = False
        idle, self._idle = self._idle, []
        for child, _, timer in idle:
            timer.cancel()
            self._end(child)
        for child in self._busy:
            self._end(child)
        await asyncio.gather(*self._ending, return_exceptions=True)

    @property
    def child_pids(self) -> list[int]:
        """The children alive now."""
        children = [*(child for child, _, _ in self._idle), *self._busy]
        return [child.pid for child in children if child.is_alive]

    @override
    def draws(self, media_type: str) -> bool:
        return media_type in _DRAWN

    @override
    async def page(
        self,
        path: str,
        media_type: str,
        number: int,
        *,
        width: int | None = None,
        format: PictureFormat = "png",
        password: str | None = None,
    ) -> PagePicture:
        if not self.draws(media_type):
            raise NotFound("Documents of this type have no pages to show.", code="page_not_found")
        answer = await self._answer(
            "draw", path=path, media_type=media_type, number=number, width=width, format=format, password=password
        )
        return PagePicture(answer["data"], format, answer["width"], answer["height"])

    @override
    async def picture(
        self,
        path: str,
        media_type: str,
        source: str,
        *,
        page: int | None = None,
        box: tuple[float, float, float, float] | None = None,
        password: str | None = None,
    ) -> PagePicture:
        answer = await self._answer("draw_inner", path=path, source=source, page=page, box=box, password=password)
        return PagePicture(answer["data"], "png", answer["width"], answer["height"])

    async def _answer(self, question: str, **arguments: Any) -> Any:
        async with self._turns:
            child, drawn = await self._take()
            keep = False
            try:
                answer = await child.call(
                    question,
                    within_seconds=self._timeout_seconds,
                    **arguments,
                    most_pixels=self._most_pixels,
                    cpu_seconds=self._timeout_seconds,
                )
                keep = drawn + 1 < _PAGES_PER_CHILD
            except ChildNotStarted as error:
                raise Unavailable(
                    "No process that draws pages could be started; what it said is in the log.",
                    code="renderer_not_started",
                    retry_after_seconds=5,
                ) from error
            except ChildLate:
                _log.warning("page given up", action="pages.timeout")
                raise Refused(
                    f"Drawing the page took longer than {self._timeout_seconds:g} s and was stopped.",
                    code="page_timeout",
                ) from None
            except ChildEnded:
                _log.warning("page child ended", action="pages.ended")
                raise Refused(
                    "The page made what draws it crash, which damaged files do.", code="page_crashed"
                ) from None
            except ChildError as error:
                keep = error.kind == "Unreadable"
                raise _told(error) from None
            finally:
                self._busy.discard(child)
                if keep and child.is_alive and self._is_open:
                    timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._reap, child)
                    self._idle.append((child, drawn + 1, timer))
                else:
                    self._end(child)
        return answer

    async def _take(self) -> tuple[ChildProcess, int]:
        while self._idle:
            child, drawn, timer = self._idle.pop()
            timer.cancel()
            if child.is_alive:
                self._busy.add(child)
                return child, drawn
            self._end(child)
        child = await ChildProcess.start(
            _MODULE, limits=ChildLimits(memory_bytes=self._memory_bytes, is_sandboxed=True)
        )
        self._busy.add(child)
        return child, 0

    def _reap(self, child: ChildProcess) -> None:
        if any(child is one for one, _, _ in self._idle):
            self._idle = [each for each in self._idle if each[0] is not child]
            self._end(child)

    def _end(self, child: ChildProcess) -> None:
        task = asyncio.get_running_loop().create_task(child.kill())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _told(error: ChildError) -> NotFound | Refused:
    if error.kind == "Unreadable":
        code = str(error.data.get("code", "damaged_page"))
        return NotFound(error.detail, code=code) if code == _NO_SUCH_PAGE else Refused(error.detail, code=code)
    _log.warning("page not drawn", action="pages.failed", error=str(error))
    if error.kind == "MemoryError":
        return Refused("Drawing the page needs more memory than one page may use.", code="too_much_memory")
    return Refused(f"The page could not be drawn ({error.kind}).", code="damaged_page")
