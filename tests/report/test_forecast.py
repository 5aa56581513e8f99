"""The forecast grows with the input, and is written so that people can read it."""

from __future__ import annotations

import dataclasses

import pytest

from unsnarl.report import forecast, machine

SMALL = forecast.Work(n_records=1000, n_components=20, n_tied=900, n_linked=800, n_inside=10_000)
NOTHING = forecast.Spent(0.0, 0, 0)


@pytest.mark.parametrize(
    "more",
    [
        {"n_records": 2_000_000},
        {"n_components": 2_000_000},
        {"n_tied": 900_000},
        {"n_linked": 800_000},
        {"n_inside": 20_000_000},
        {"largest_records": 30_000, "largest_pairs": 5_000_000},
        {"n_bytes": 30 * 10**9},
        {"compiles": True},
    ],
)
def test_more_work_takes_longer(more: dict[str, int]) -> None:
    larger = dataclasses.replace(SMALL, **more)
    assert forecast.count_rest_seconds(larger) > 1.2 * forecast.count_rest_seconds(SMALL)


def test_what_was_measured_is_part_of_the_forecast() -> None:
    rest = forecast.count_rest_bytes(SMALL)
    found = forecast.forecast_run(SMALL, forecast.Spent(7.0, 10**9, 10**9 - rest + 1))
    assert found.memory_bytes == 10**9 + 1
    assert found.seconds == pytest.approx(7.0 + forecast.count_rest_seconds(SMALL))
    # The peak so far counts where linkage has room in what is free again.
    assert forecast.forecast_run(SMALL, forecast.Spent(7.0, 10**9, 10**6)).memory_bytes == 10**9


def test_threads_share_all_but_the_largest_component() -> None:
    work = forecast.Work(n_linked=100_000_000, n_inside=1_000_000, largest_records=1000, largest_pairs=10_000)
    one, two = (forecast.count_rest_seconds(dataclasses.replace(work, threads=n)) for n in (1, 2))
    assert 1.5 < one / two < 2.0
    alone = forecast.Work(n_linked=10**6, n_inside=10**7, largest_records=10**6, largest_pairs=10**7)
    assert forecast.count_rest_seconds(alone) == forecast.count_rest_seconds(dataclasses.replace(alone, threads=2))


def test_sparse_pairs_cost_more_than_those_of_a_complete_graph() -> None:
    complete = forecast.Work(n_inside=500_000, largest_records=1001, largest_pairs=500_500)
    sparse = dataclasses.replace(complete, largest_records=100_000)
    assert complete.n_searched == pytest.approx(0.0, abs=1e3) and sparse.n_searched > 5e6
    assert forecast.Work().n_searched == 0.0


def test_hashing_is_waited_for() -> None:
    work = forecast.Work(n_bytes=100 << 20, threads=2)
    slow = dataclasses.replace(machine.REFERENCE, hash_seconds=1.0)
    assert forecast.count_rest_seconds(work, slow) == pytest.approx(100.0)


def test_a_slower_machine_takes_longer() -> None:
    fast = machine.REFERENCE
    slow = machine.Speed(3 * fast.sort_seconds, 3 * fast.hash_seconds, 3 * fast.disk_seconds)
    assert forecast.count_rest_seconds(SMALL, slow) == pytest.approx(3 * forecast.count_rest_seconds(SMALL))


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
    assert forecast.find_oversize(1_000, 10_000, "8MB") is None
    assert "the limit is 1.0 MB" in str(forecast.find_oversize(1_000, 10_000, "1MB"))
    monkeypatch.setattr(forecast, "machine_bytes", lambda: 1_000_000)
    assert "the limit is 800.0 kB" in str(forecast.find_oversize(1_000, 10_000, None))
    monkeypatch.setattr(forecast, "machine_bytes", lambda: 0)
    assert forecast.find_oversize(10**9, 10**12, None) is None  # a machine that does not say is trusted


def test_a_machine_too_small_for_what_was_read_is_said_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "machine_bytes", lambda: 700_000_000)
    assert forecast.find_narrow(1_000_000, 500_000_000) is None
    assert "has 700.0 MB" in str(forecast.find_narrow(2_700_000, 440_000_000))
    monkeypatch.setattr(forecast, "machine_bytes", lambda: 0)
    assert forecast.find_narrow(10**9, 10**12) is None  # a machine that does not say is trusted
