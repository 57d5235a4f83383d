"""The promises of Passwords."""

from shared.infrastructure.memory_passwords import MemoryPasswords
from shared.kernel import DocumentId

ONE, OTHER = DocumentId("one"), DocumentId("other")


def test_the_newest_is_had_until_it_is_forgotten_and_never_shown() -> None:
    passwords = MemoryPasswords()
    passwords.keep(ONE, "old word")
    passwords.keep(ONE, "new word")
    assert (passwords.of(ONE), passwords.of(OTHER)) == ("new word", None)
    assert "word" not in repr(passwords).replace("passwords", "")
    passwords.forget(ONE)
    passwords.forget(OTHER)
    assert passwords.of(ONE) is None


def test_what_nobody_asks_for_goes_with_time_and_with_number() -> None:
    now = 0.0
    passwords = MemoryPasswords(most=2, seconds=60, clock=lambda: now)
    passwords.keep(ONE, "a")
    now = 59.0
    assert passwords.of(ONE) == "a"
    now = 60.0
    assert passwords.of(ONE) is None
    for name in "abc":
        passwords.keep(DocumentId(name), name)
    assert [passwords.of(DocumentId(name)) for name in "abc"] == [None, "b", "c"]
