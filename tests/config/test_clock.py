"""The clock: real, unless DEBUG is on and the example's file says otherwise."""

from datetime import UTC, datetime, timedelta

import pytest

from panel import clock


@pytest.fixture
def file(settings, tmp_path):
    settings.DEBUG = True
    settings.CLOCK_FILE = str(tmp_path / "clock")
    return tmp_path / "clock"


def test_the_example_sets_its_own_time(file):
    file.write_text("2023-10-01T10:00:00+02:00\n")
    assert clock.now() == datetime(2023, 10, 1, 8, tzinfo=UTC)


def test_without_the_file_time_is_real(file):
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)


def test_with_debug_off_the_file_is_not_even_read(file, settings):
    file.write_text("2023-10-01T10:00:00+02:00")
    settings.DEBUG = False
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
