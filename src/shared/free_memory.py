"""Memory that was freed and that the C library keeps."""

import ctypes


def return_free_memory() -> None:
    """glibc keeps what bulk work freed (50 MB after some hundred texts); this takes milliseconds. No-op elsewhere."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):
        return
