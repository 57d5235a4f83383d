"""What the two picture models' children have in common, seen from the parent: how their failures are told."""

from collections.abc import Mapping
from typing import Any, Final

from shared.kernel import DomainError, Refused, Unavailable, Unsupported
from shared.model.pictures.child_door import ChildDoor, ChildEnded, ChildError
from shared.telemetry import get_log

_log = get_log("model")
_NOT_A_PICTURE: Final = "not_a_picture"


def ask(door: ChildDoor, method: str, *, timeout_seconds: float, **arguments: Any) -> Any:
    """The child's answer to a question about pictures.

    Raises Unsupported for what is no picture, Refused for one that cannot be used, Unavailable without a child.
    """
    try:
        return door.call(method, timeout_seconds=timeout_seconds, **arguments)
    except ChildError as error:
        raise _told(error) from None
    except ChildEnded:
        _log.warning("picture child ended", action="model.picture.ended", method=method)
        raise Refused(
            "The picture made its reader crash, which damaged files do. Save it again and try the new file.",
            code="picture_reader_crashed",
            retryable=True,
        ) from None
    except TimeoutError:
        _log.warning("picture given up", action="model.picture.timeout", method=method)
        raise Refused(
            f"Looking at the picture took longer than {timeout_seconds:g} s and was stopped. Make it smaller.",
            code="picture_timeout",
            retryable=True,
        ) from None


def start(door: ChildDoor, what: str, *, advice: str) -> None:
    """Starts the child so that what is wrong shows now. Raises Unavailable; the door is closed then."""
    try:
        door.start()
    except (ChildError, ChildEnded) as error:
        door.close()
        cause = error.detail if isinstance(error, ChildError) else "it crashed"
        raise Unavailable(f"{what} could not be loaded: {cause}. {advice}") from error
    except BaseException:
        door.close()
        raise


def counted(error: DomainError, number: int, count: int) -> DomainError:
    """The error of one picture of several says which."""
    if count > 1:
        error.detail = f"Picture {number} of {count}: {error.detail}"
        error.args = (error.detail,)
    return error


def _told(error: ChildError) -> DomainError:
    data: Mapping[str, Any] = error.data
    if error.kind == "Unreadable":
        code = str(data.get("code", "damaged_picture"))
        return Unsupported(error.detail, code=code) if code == _NOT_A_PICTURE else Refused(error.detail, code=code)
    if error.kind == "MemoryError":
        return Refused(
            "Looking at the picture needs more memory than one picture may use (SEOGA_IMAGE_MEMORY_BYTES). "
            "Make it smaller.",
            code="too_much_memory",
        )
    _log.warning("picture failed", action="model.picture.failed", error=str(error))
    return Refused(f"The picture could not be looked at ({error.kind}). Save it again.", code="picture_failed")
