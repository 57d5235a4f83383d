"""What the MongoDB store computes by itself, without a server."""

from datetime import UTC, datetime, timedelta

from ingest.infrastructure.mongo_document_rows import RisingNumbers


def test_numbers_rise_even_when_the_clock_goes_back() -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    instants = [now, now, now - timedelta(hours=1), now + timedelta(microseconds=1), now + timedelta(seconds=1)]
    numbers = RisingNumbers(clock=iter(instants).__next__)
    given = [numbers.next() for _ in instants]
    assert given == sorted(set(given))


def test_numbers_of_another_process_fall_in_between_and_fit_into_64_bits() -> None:
    first = datetime(2250, 1, 1, tzinfo=UTC)
    instants = [first + timedelta(microseconds=number) for number in range(3)]
    numbers = [RisingNumbers(iter([instant]).__next__).next() for instant in instants]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] < 1 << 63
