"""CRY-11: a line says exactly what was written, or nothing at all."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from hypothesis import given
from hypothesis import strategies as st

from panel.errors import Damaged
from panel.journal import lines, selectors, services
from panel.journal.models import JournalEntry
from panel.journal.rules import CLOCK_MAY_DIFFER, Reason, went_back

NOW = datetime(2023, 10, 5, 9, tzinfo=UTC)
words = st.text(max_size=12)
payloads = st.dictionaries(words, st.none() | st.integers() | words | st.lists(words, max_size=3), max_size=4)
entries = st.builds(
    JournalEntry, kind=words, study=words, code=words, payload=payloads, at=st.datetimes(timezones=st.just(UTC))
)  # fmt: skip


@given(st.lists(entries, max_size=4))
def test_a_chain_reads_back_as_it_was_written(some):
    made = lines.chain(some, 7, "before")
    assert [lines.read(line.text()) for line in made] == made
    position, previous = 7, "before"
    for line in made:
        assert line.follows(position, previous)
        position, previous = line.position, line.hash


@given(entries, st.data())
def test_no_changed_byte_passes(entry, data):
    (line,) = lines.chain([entry], 0, "")
    text = bytearray(line.text())
    where = data.draw(st.integers(0, len(text) - 2))
    text[where] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(Damaged):
        assert not lines.read(bytes(text)).holds


@given(st.lists(entries, min_size=2, max_size=4), st.data())
def test_no_line_follows_any_but_its_own(some, data):
    made = lines.chain(some, 0, "")
    one, other = data.draw(st.permutations(range(len(made))))[:2]
    assert made[one].follows(made[other].position, made[other].hash) == (one == other + 1)


@pytest.mark.parametrize("text", [b"", b"\n", b"{}\n", b"[]\n", b"null\n", b"\xff\n", b'{"position": 1}\n'])
def test_what_is_no_line_is_refused_by_its_number(text):
    with pytest.raises(Damaged, match="Line 3"):
        lines.read(text, 3)


@given(st.timedeltas())
def test_a_clock_went_back_only_by_more_than_machines_differ(step):
    try:
        later = NOW + step
    except OverflowError:
        return
    assert went_back(NOW, later) == (step > CLOCK_MAY_DIFFER)


@pytest.mark.django_db
def test_wherever_the_file_is_cut_it_is_seen():
    for n in range(3):
        services.record(kind=JournalEntry.Kind.WITHDRAWN, code=f"CODE{n}", now=NOW)
    services.write(now=NOW)
    where = Path(django_settings.JOURNAL_FILE)
    whole = where.read_bytes()
    for length in range(0, len(whole), 7):
        where.write_bytes(whole[:length])
        assert selectors.compared(where).reason is Reason.TRUNCATED, length
    where.write_bytes(whole)
    assert selectors.compared(where).reason is None
