"""How much of the processor something takes that gives way to others in between."""

import time
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Metered(Generic[T]):
    """Awaited, it runs the coroutine; `seconds` is the processor time of its steps in this thread."""

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self.seconds = 0.0

    def __await__(self) -> Generator[Any, Any, T]:
        answer: Any = None
        error: BaseException | None = None
        while True:
            began = time.thread_time()
            try:
                waits = self._coroutine.send(answer) if error is None else self._coroutine.throw(error)
            except StopIteration as ended:
                result: T = ended.value
                return result
            finally:
                self.seconds += time.thread_time() - began
            error = None
            try:
                answer = yield waits
            except BaseException as raised:  # cancelled: the coroutine must hear of it
                error = raised
