"""How long the parts of the embedded index wait for each other."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EdgeIndexTimes:
    """How long the child is waited for, and a former owner; when a move begins and goes on."""

    search_seconds: float = 2.0
    """A search that has no answer by then ends; the child may go on with what it does, or is being started."""
    first_search_seconds: float = 10.0
    """The same while a server that starts opens the index for the first time, which a large one takes some time for."""
    call_seconds: float = 5.0
    """A child that works longer at one call is killed and replaced. Twice as long the next time for the same kind of
    call, so that a slow disk is not taken for a child that stands still again and again."""
    longest_call_seconds: float = 120.0
    at_disk_seconds: float = 120.0
    """A child that is seen to wait for the disk has so much more: it is not hanging, and another would wait as well."""
    search_at_disk_seconds: float = 10.0
    """So long a search waits for a child that waits for the disk, instead of being refused."""
    open_seconds: float = 30.0
    """For a child that opens the index; twice as long the next time."""
    check_seconds: float = 600.0
    """For a child that reads everything, after one that failed."""
    check_again_seconds: float = 300.0
    """What was found whole is trusted for so long, whatever fails."""
    close_seconds: float = 5.0
    """Then it is killed: what was written is in its log."""
    first_pause_seconds: float = 0.5
    """After the first opening that failed; each further one doubles it."""
    longest_pause_seconds: float = 10.0
    lock_wait_seconds: float = 5.0
    """For a former owner."""
    move_after_seconds: float = 0.5
    """A server that starts has better things to do."""
    move_pause_seconds: float = 0.005
    """Between the steps of a move (125 points, 17 ms), for those who search and write meanwhile."""
    move_retry_seconds: float = 1.0
    room_seconds: float = 60.0
    """Between two looks at how much room dead points take, where some were deleted."""
