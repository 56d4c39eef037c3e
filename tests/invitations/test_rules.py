"""Whether a letter may go now, and the life of a row."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from panel.invitations import rules
from panel.invitations.limits import Burden, Hours, Silence
from panel.invitations.models import LetterKind
from panel.invitations.rules import Facts, Reason, State, Verdict, may_send
from panel.members.models import PanelMember
from panel.waves.models import CaseEvent, Wave

OSLO = ZoneInfo("Europe/Oslo")
NOON = datetime(2023, 10, 2, 12, tzinfo=OSLO)
CLOSES = NOON + timedelta(days=30)
INVITATION = Facts(
    kind=LetterKind.INVITATION,
    agreed=True,
    status=PanelMember.Status.ACTIVE,
    wave_status=Wave.Status.OPEN,
    opens_at=NOON - timedelta(days=1),
    closes_at=CLOSES,
    burden=Burden(is_survey=True, closes_at=CLOSES),
)
INVITED = NOON - timedelta(days=7)
REMINDER = replace(
    INVITATION,
    kind=LetterKind.REMINDER,
    case_kinds={"invited"},
    burden=replace(INVITATION.burden, is_reminder=True, letters=(INVITED,), last_in_wave=INVITED),
)
K = CaseEvent.Kind


def test_an_invitation_with_nothing_against_it_goes():
    assert may_send(INVITATION, NOON).send
    assert may_send(REMINDER, NOON).send


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"agreed": False}, Reason.NO_CONSENT),
        ({"status": PanelMember.Status.LEFT}, Reason.LEFT),
        ({"status": PanelMember.Status.DELETING}, Reason.LEFT),
        ({"stopped": True}, Reason.STOPPED),
        ({"case_kinds": {K.COMPLETED}}, Reason.COMPLETED),
        ({"case_kinds": {K.REFUSED}}, Reason.REFUSED),
        ({"case_kinds": {K.WITHDREW}}, Reason.REFUSED),
        ({"case_kinds": {K.ELIGIBILITY_LOST}}, Reason.OUTCOME),
        ({"case_kinds": {K.DIED}}, Reason.OUTCOME),
        ({"case_kinds": {K.LANGUAGE}}, Reason.OUTCOME),
        ({"case_kinds": {K.UNABLE}}, Reason.OUTCOME),
        ({"wave_status": Wave.Status.CLOSED}, Reason.CLOSED),
        ({"closes_at": NOON}, Reason.CLOSED),
        ({"reminders_sent": 2}, Reason.REMINDER_CAP),
    ],
)
def test_what_ends_a_letter(changes, reason):
    verdict = may_send(replace(REMINDER, **changes), NOON)
    assert (verdict.reason, verdict.until) == (reason, None)


@pytest.mark.parametrize(
    ("changes", "reason", "until"),
    [
        ({"held": True}, Reason.HELD, datetime(2023, 10, 3, 10, tzinfo=OSLO)),
        ({"paused_until": date(2023, 12, 1)}, Reason.PAUSED, datetime(2023, 12, 1, 10, tzinfo=OSLO)),
        ({"unreachable": True}, Reason.UNREACHABLE, datetime(2023, 10, 3, 10, tzinfo=OSLO)),
        (
            {"wave_status": Wave.Status.APPROVED, "opens_at": NOON + timedelta(hours=3)},
            Reason.NOT_OPEN,
            NOON + timedelta(hours=3),
        ),
        ({"paused": True}, Reason.SENDING_PAUSED, NOON),
    ],
)
def test_what_puts_a_letter_off(changes, reason, until):
    verdict = may_send(replace(REMINDER, **changes), NOON)
    assert (verdict.reason, verdict.until) == (reason, until)


@pytest.mark.parametrize(
    ("changes", "reason", "until"),
    [
        (
            {"last_in_wave": datetime(2023, 9, 26, 15, tzinfo=OSLO)},
            Reason.REMINDER_GAP,
            datetime(2023, 10, 3, 10, tzinfo=OSLO),
        ),
        (
            {"letters": tuple(NOON - timedelta(days=days) for days in (170, 80, 60, 40, 20, 10))},
            Reason.MAIL_CAP,
            datetime(2023, 10, 12, 10, tzinfo=OSLO),
        ),
        (
            {"last_in_wave": None, "last_of_other_wave": NOON - timedelta(days=80)},
            Reason.WAVE_GAP,
            datetime(2023, 10, 12, 10, tzinfo=OSLO),
        ),
        (
            {"silence": Silence(yearly=frozenset({(10, 2)}), dated=frozenset({date(2023, 10, 3)}))},
            Reason.SILENT_DAY,
            datetime(2023, 10, 4, 10, tzinfo=OSLO),
        ),
        (
            {"hours": Hours(time(7), time(10))},
            Reason.OUTSIDE_HOURS,
            datetime(2023, 10, 3, 7, tzinfo=OSLO),
        ),
    ],
)
def test_a_limit_defers_to_the_first_moment_that_fits_them_all(changes, reason, until):
    verdict = may_send(replace(REMINDER, burden=replace(REMINDER.burden, **changes)), NOON)
    assert (verdict.reason, verdict.until) == (reason, until)


def test_a_pause_is_over_on_its_day():
    assert may_send(replace(INVITATION, paused_until=date(2023, 10, 2)), NOON).send


def test_service_mail_goes_at_once_at_any_hour_to_who_left_or_stopped():
    """Service mail answers a request: hours, limits and stops of survey mail don't touch it."""
    night = datetime(2023, 10, 2, 3, tzinfo=OSLO)
    receipt = Facts(
        kind=LetterKind.RECEIPT, agreed=True, status=PanelMember.Status.DELETING, stopped=True, held=True
    )
    assert may_send(receipt, night).send
    assert may_send(replace(receipt, agreed=False), night).reason == Reason.NO_CONSENT


@pytest.mark.parametrize(
    ("kind", "changes", "reason"),
    [
        (LetterKind.ANSWER, {"status": PanelMember.Status.DELETING}, Reason.LEFT),
        (LetterKind.COPY_READY, {"status": PanelMember.Status.DELETING}, Reason.LEFT),
        (LetterKind.CONFIRM_ADDRESS, {"status": PanelMember.Status.DELETING}, Reason.LEFT),
        (LetterKind.NOTICE, {"status": PanelMember.Status.LEFT}, Reason.LEFT),
        (LetterKind.RECONSENT, {"status": PanelMember.Status.LEFT}, Reason.LEFT),
        (LetterKind.RESULT, {"status": PanelMember.Status.LEFT}, Reason.LEFT),
        (LetterKind.RECONSENT, {"stopped": True}, Reason.STOPPED),
        (LetterKind.RESULT, {"held": True}, Reason.HELD),
    ],
)
def test_nev_11_what_was_queued_before_somebody_left_is_not_sent_after(kind, changes, reason):
    """LAW-06: a deletion stops all contact at once; nobody who left is asked for new consent."""
    queued = Facts(kind=kind, agreed=True, status=PanelMember.Status.ACTIVE)
    assert may_send(queued, NOON).send
    assert may_send(replace(queued, **changes), NOON) == Verdict(reason)


@pytest.mark.parametrize("kind", [LetterKind.RECEIPT, LetterKind.ADDRESS_NOTICE])
def test_who_deletes_hears_still_what_was_done_in_their_name(kind):
    assert may_send(Facts(kind=kind, agreed=True, status=PanelMember.Status.DELETING), NOON).send


def test_res_05_where_somebody_lives_is_not_among_the_facts():
    names = set(Facts.__dataclass_fields__)
    assert not {name for name in names if "place" in name or "flag" in name or "left" in name}


@pytest.mark.parametrize(
    "day", ["2023-07-01", "2023-12-01", "2024-03-30", "2024-03-31", "2024-10-26", "2024-10-27"]
)
def test_hours_are_ten_to_five_in_norway_on_each_side_of_the_change_of_clocks(day):
    start = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=OSLO)
    afterwards = replace(INVITATION, closes_at=None, burden=Burden())
    for quarter in range(24 * 4):
        moment = (start.astimezone(UTC) + timedelta(minutes=15 * quarter)).astimezone(UTC)
        local = moment.astimezone(OSLO)
        verdict = may_send(afterwards, moment)
        assert verdict.send == (10 <= local.hour < 17)
        if not verdict.send:
            assert verdict.reason == Reason.OUTSIDE_HOURS
            assert verdict.until is not None
            assert may_send(afterwards, verdict.until).send
            assert timedelta() < verdict.until - moment <= timedelta(hours=18)
            assert verdict.until.astimezone(OSLO).hour == 10


def test_hours_lifted_by_decision_let_it_go_at_night():
    night = datetime(2023, 10, 2, 3, tzinfo=OSLO)
    assert may_send(INVITATION, night).reason == Reason.OUTSIDE_HOURS
    assert may_send(INVITATION, night).until == datetime(2023, 10, 2, 10, tzinfo=OSLO)
    assert may_send(replace(INVITATION, burden=Burden(any_hour=True)), night).send


def test_retries_grow_and_end_at_a_day():
    waits = [rules.retry_at(n, NOON) - NOON for n in range(1, 10)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (timedelta(minutes=5), timedelta(days=1))


def test_state_table_ends_in_sent_and_names_every_state():
    assert set(rules.TRANSITIONS) == set(State)
    assert {state for state, to in rules.TRANSITIONS.items() if not to} == {State.SENT}
    assert rules.TRANSITIONS[State.FAILED] == {State.QUEUED}, "by a person only"
    assert State.SENDING in rules.TRANSITIONS[State.READY]
    assert not any(State.SENDING in to for state, to in rules.TRANSITIONS.items() if state != State.READY)
