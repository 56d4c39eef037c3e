"""What a mail server's answer means: a table of data, and the end of every retry."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.desk.words import REASONS
from panel.invitations.retries import ABSENT, ANSWERS, WAITS, Pace, Why, verdict
from panel.invitations.rules import Reason

DAYS = timedelta(days=1)


@pytest.mark.parametrize(
    ("code", "enhanced", "pace", "why"),
    [
        (421, "", Pace.QUICK, Why.SERVER_BUSY),
        (421, "4.7.0", Pace.QUICK, Why.SERVER_BUSY),
        (450, "", Pace.QUICK, Why.GREYLISTED),
        (451, "4.7.1", Pace.QUICK, Why.GREYLISTED),
        (451, "4.7.500", Pace.SLOW, Why.TOO_FAST),
        (450, "4.7.28", Pace.SLOW, Why.TOO_FAST),
        (452, "4.2.2", Pace.SLOW, Why.MAILBOX_FULL),
        (452, "", Pace.SLOW, Why.MAILBOX_FULL),
        (452, "4.5.3", Pace.QUICK, Why.TOO_FAST),
        (552, "5.2.2", Pace.SLOW, Why.MAILBOX_FULL),
        (450, "4.4.1", Pace.SLOW, Why.DOMAIN_SILENT),
        (499, "", Pace.QUICK, Why.SERVER_BUSY),
        (550, "5.1.1", Pace.BOUNCE, Why.ADDRESS_REFUSED),
        (550, "5.1.10", Pace.BOUNCE, Why.ADDRESS_REFUSED),
        (550, "", Pace.BOUNCE, Why.ADDRESS_REFUSED),
        (553, "5.1.3", Pace.BOUNCE, Why.ADDRESS_REFUSED),
        (550, "5.7.1", Pace.NEVER, Why.POLICY),
        (550, "5.7.26", Pace.NEVER, Why.POLICY),
        (550, "5.1.8", Pace.NEVER, Why.NOT_ALLOWED),
        (535, "5.7.8", Pace.NEVER, Why.NOT_ALLOWED),
        (552, "5.3.4", Pace.NEVER, Why.LETTER_REFUSED),
        (552, "", Pace.SLOW, Why.MAILBOX_FULL),
        (554, "5.6.0", Pace.NEVER, Why.LETTER_REFUSED),
        (554, "", Pace.NEVER, Why.LETTER_REFUSED),
        (599, "", Pace.NEVER, Why.LETTER_REFUSED),
    ],
)
def test_an_answer_says_whether_to_try_again(code, enhanced, pace, why):
    answer = verdict(code, enhanced)
    assert (answer.pace, answer.why) == (pace, why)
    assert answer.again == (pace in WAITS)


def test_what_is_about_us_alarms_and_what_is_about_one_letter_does_not():
    assert verdict(550, "5.7.1").alarm
    assert verdict(530).alarm
    assert not verdict(550, "5.1.1").alarm
    assert not verdict(452).alarm


@pytest.mark.parametrize("pace", WAITS)
def test_retries_grow_and_end_after_three_days(pace):
    waits = WAITS[pace]
    assert list(waits) == sorted(waits)
    assert 2 * DAYS < sum(waits, timedelta()) < 4 * DAYS
    code = {Pace.QUICK: 451, Pace.SLOW: 452}[pace]
    assert [verdict(code, "", number).after for number in range(1, len(waits) + 1)] == list(waits)
    last = verdict(code, "", len(waits) + 1)
    assert (last.pace, last.why, last.after) == (Pace.NEVER, Why.GAVE_UP, None)


def test_a_server_that_is_not_there_is_no_letter_s_fault_and_never_ends_one():
    waits = [verdict(0, "", number) for number in range(1, 200)]
    assert all(one.again and one.why == Why.NO_SERVER for one in waits)
    assert {one.after for one in waits} == {ABSENT}


@given(st.integers(0, 999), st.from_regex(r"([245]\.\d{1,3}\.\d{1,3})?", fullmatch=True), st.integers(1, 50))
def test_every_answer_has_a_meaning_and_every_letter_an_end(code, enhanced, attempts):
    answer = verdict(code, enhanced, attempts)
    assert Reason(answer.why.value) in REASONS, "the desk has words for it"
    assert answer.again == (answer.pace in {Pace.QUICK, Pace.SLOW})
    if code and attempts > 12:
        assert not answer.again


def test_no_line_of_the_table_is_hidden_behind_another():
    for number, line in enumerate(ANSWERS):
        code = int(line.code.ljust(3, "9"))
        is_whole = not line.enhanced or line.enhanced.count(".") == 2
        enhanced = line.enhanced if is_whole else f"{line.enhanced}.999"
        first = next(one for one in ANSWERS if _fits(one, str(code), enhanced))
        assert first is ANSWERS[number], line


def _fits(line, code, enhanced):
    within = not line.enhanced or f"{enhanced}.".startswith(f"{line.enhanced}.")
    return code.startswith(line.code) and within
