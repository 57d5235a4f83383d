"""Sizes and times as people write them, in every setting that is one."""

import pytest

from shared.settings import Settings, WrongSettings, load_settings


@pytest.mark.parametrize(
    ("written", "count"),
    [
        ("1048576", 1 << 20),
        ("1_048_576", 1 << 20),
        ("1GB", 10**9),
        ("1 gb", 10**9),
        ("512 MiB", 512 << 20),
        ("512M", 512 << 20),
        ("1.5 GiB", 3 << 29),
        (" 2TB ", 2 * 10**12),
        ("300000kB", 3 * 10**8),
        ("1e9", 10**9),
    ],
)
def test_every_byte_setting_takes_a_size(written: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name for name in Settings.model_fields if name.endswith("_bytes")]
    assert len(names) >= 7
    for name in names:
        monkeypatch.setenv(f"SEOGA_{name.upper()}", written if count >= 256 << 20 else "1GiB")
    monkeypatch.setenv("SEOGA_MIN_FREE_BYTES", written)
    settings = load_settings()
    assert settings.min_free_bytes == count
    assert {getattr(settings, name) for name in names} <= {count, 1 << 30}


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90", 90), ("90s", 90), ("1.5", 1.5), ("15min", 900), ("15 m", 900), ("12h", 43200), ("30d", 2592000),
     ("2w", 1209600), ("250ms", 0.25)],
)  # fmt: skip
def test_every_time_takes_a_unit(written: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name for name in Settings.model_fields if name.endswith("_seconds")]
    assert len(names) > 9
    for name in names:
        monkeypatch.setenv(f"SEOGA_{name.upper()}", written)
    settings = load_settings()
    assert {getattr(settings, name) for name in names} == {seconds}


@pytest.mark.parametrize(("written", "days"), [("7", 7), ("12h", 0.5), ("30d", 30), ("2w", 14), ("0", 0)])
def test_days_are_days(written: str, days: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEOGA_TRASH_DAYS", written)
    assert load_settings().trash_days == days


@pytest.mark.parametrize(
    ("name", "written", "hint"),
    [
        ("SEOGA_MAX_UPLOAD_BYTES", "1 GX", "`512 MiB`"),
        ("SEOGA_MAX_UPLOAD_BYTES", "much", "`512 MiB`"),
        ("SEOGA_MAX_UPLOAD_BYTES", "1,0GB", "`512 MiB`"),
        ("SEOGA_MAX_UPLOAD_BYTES", "30d", "`512 MiB`"),
        ("SEOGA_PARSE_TIMEOUT_SECONDS", "soon", "`12h`"),
        ("SEOGA_PARSE_TIMEOUT_SECONDS", "1GB", "`12h`"),
        ("SEOGA_TRASH_DAYS", "a week", "days"),
    ],
)
def test_what_is_none_is_refused_with_an_example(
    name: str, written: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, written)
    with pytest.raises(WrongSettings) as caught:
        load_settings()
    assert name in str(caught.value) and repr(written) in str(caught.value) and hint in str(caught.value)


@pytest.mark.parametrize(
    ("name", "written"), [("SEOGA_MAX_UPLOAD_BYTES", "-1GB"), ("SEOGA_PARSE_TIMEOUT_SECONDS", "0s")]
)
def test_limits_hold_for_what_it_comes_to(name: str, written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, written)
    with pytest.raises(WrongSettings, match=f"{name} .*greater than"):
        load_settings()
