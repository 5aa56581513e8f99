"""The forecast grows with the input, and is written so that people can read it."""

from __future__ import annotations

import pytest

from unsnarl.errors import ResourceError
from unsnarl.report import forecast


def test_more_input_needs_more() -> None:
    small, large = forecast.forecast_run(1_000, 10_000), forecast.forecast_run(1_000_000, 26_000_000)
    assert small.memory_bytes < large.memory_bytes
    assert small.seconds < large.seconds
    assert forecast.forecast_run(0, 0).memory_bytes == forecast.BASE_BYTES


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (999_999, "1.0 MB"), (622_689_912, "622.7 MB")]
    + [(4 * 10**9, "4.0 GB"), (2 * 10**12, "2.0 TB"), (5 * 10**15, "5,000.0 TB")],
)
def test_bytes_in_words(n_bytes: int, text: str) -> None:
    assert forecast.format_bytes(n_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 0 s"), (3599.4, "59 min 59 s"), (3600, "1 h 0 min")],
)
def test_seconds_in_words(seconds: float, text: str) -> None:
    assert forecast.format_seconds(seconds) == text


def test_line() -> None:
    assert forecast.format_forecast(forecast.Forecast(2_000_000_000, 61.0)) == (
        "forecast: about 2.0 GB of memory and 1 min 1 s"
    )


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [
        ("4GB", 4 * 10**9),
        ("800mb", 8 * 10**8),
        ("1 GiB", 2**30),
        ("512", 512),
        ("2.5k", 2500),
        ("80%", None),
        ("", None),
    ],
)
def test_limits_in_words(text: str, n_bytes: int | None) -> None:
    assert forecast.read_bytes(text) == n_bytes


def test_a_run_that_would_not_fit_is_refused_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    forecast.refuse_oversize(1_000, 10_000, "8MB")
    with pytest.raises(ResourceError, match=r"the limit is 1\.0 MB"):
        forecast.refuse_oversize(1_000, 10_000, "1MB")
    monkeypatch.setattr(forecast, "machine_bytes", lambda: 1_000_000)
    with pytest.raises(ResourceError, match=r"the limit is 800\.0 kB"):
        forecast.refuse_oversize(1_000, 10_000, None)
    monkeypatch.setattr(forecast, "machine_bytes", lambda: 0)
    forecast.refuse_oversize(10**9, 10**12, None)  # a machine that does not say is trusted
