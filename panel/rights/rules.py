"""The ladder of stops (LAW-06): what each rung stops and keeps, when it ends, what may follow. Pure.

Not here: what is written where (services.py), and how a rung looks on a page (panel/portal).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from consent.models import Purpose
from panel.errors import BadInput
from panel.members.models import PanelMember
from panel.rights.models import Stop

Rung = Stop.Rung
State = Stop.State
Channel = Stop.Channel
Status = PanelMember.Status

#: The whole life of a stop; docs/states.md is made from it.
TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.IN_FORCE: frozenset({State.UNDONE, State.REPLACED, State.DONE}),
    State.UNDONE: frozenset(),
    State.REPLACED: frozenset(),
    State.DONE: frozenset(),
}

#: How long leaving can be undone; the member may waive the wait.
WAIT = timedelta(days=14)
LONGEST_PAUSE = timedelta(days=730)
#: What one click of a mail program pauses (TOK-03).
ONE_CLICK_PAUSE = timedelta(days=90)
#: The typed word of a deletion. Each is taken in every language: not everybody has the keyboard at hand.
DELETE_WORDS = {"nb": "SLETT", "en": "DELETE", "uk": "ВИДАЛИТИ", "ru": "УДАЛИТЬ"}

CONTACT = (Purpose.WAVES, Purpose.KEEP_IN_TOUCH, Purpose.INTERVIEW)


@dataclass(frozen=True, slots=True)
class RungCard:
    """A rung one can read: its name, what stops, what stays; and what it does in the service."""

    name: str | Promise
    stops: str | Promise
    stays: str | Promise
    status: Status | None = None
    withdraws: tuple[Purpose, ...] = ()
    receipt: bool = field(default=False)


RUNGS: Mapping[Rung, RungCard] = {
    Rung.PAUSE: RungCard(
        _("Pause letters until a date"),
        _("Until that day we will send you no invitations or reminders."),
        _("You stay in the study and your answers are kept. After that day letters may come again."),
    ),
    Rung.NO_REMINDERS: RungCard(
        _("No more reminders about this survey"),
        _("We will send you no more reminders about this survey."),
        _("You can still answer it until it closes. You will be invited to later surveys."),
    ),
    Rung.NO_MAIL: RungCard(
        _("No more letters"),
        _("We will send you no more invitations or reminders."),
        _(
            "You stay in the study and your answers are kept. "
            "You can answer with links that you already have."
        ),
    ),
    Rung.LEAVE_KEEP: RungCard(
        _("Leave the study, let you keep my answers"),
        _(
            "We send you one receipt and then stop writing to you. "
            "After 14 days your name and contact details are deleted for good."
        ),
        _("The answers you gave are kept, without your name and contact details."),
        status=Status.LEFT,
        withdraws=CONTACT,
        receipt=True,
    ),
    Rung.LEAVE_DELETE: RungCard(
        _("Leave the study and delete everything about me"),
        _(
            "We stop writing to you and stop using your answers at once. "
            "After 14 days your name, contact details and answers are deleted for good."
        ),
        _(
            "We keep a note, without your name, that you asked for this. "
            "Results already published can’t be recalled."
        ),
        status=Status.DELETING,
        withdraws=(*CONTACT, Purpose.ARCHIVE, Purpose.QUOTE),
    ),
}

#: The rungs that end a membership.
LEAVING = tuple(rung for rung, card in RUNGS.items() if card.status)
#: What no withdrawal can reach (LAW-14), said wherever somebody leaves.
NO_RECALL = _(
    "Tables and anonymised files that were made already can’t be recalled: nobody can tell which row is whose."
)


def may_become(state: str, wanted: State) -> bool:
    """Whether a stop may take this step."""
    return wanted in TRANSITIONS[State(state)]


def offered(status: str, *, in_wave: bool) -> list[Rung]:
    """The rungs a member can choose now: who left can still have everything deleted."""
    if status == Status.DELETING:
        return []
    if status == Status.LEFT:
        return [Rung.LEAVE_DELETE]
    return [rung for rung in Rung if in_wave or rung != Rung.NO_REMINDERS]


def standing_status(in_force: Collection[str]) -> Status:
    """The membership that these stops leave; the furthest one decides."""
    for rung in (Rung.LEAVE_DELETE, Rung.LEAVE_KEEP):
        if rung in in_force and (status := RUNGS[rung].status):
            return status
    return Status.ACTIVE


def check_request(
    rung: Rung, *, by_member: bool, until: date | None, typed_word: str | None, today: date
) -> None:
    """Refuses a pause without a usable date and a member's deletion without the word."""
    if rung == Rung.PAUSE and (until is None or not today < until <= today + LONGEST_PAUSE):
        raise BadInput(_("Please choose a day after today, within the next two years."))
    if rung == Rung.LEAVE_DELETE and by_member and not is_delete_word(typed_word or ""):
        raise BadInput(_("Please type the word as it is shown, so that nothing is deleted by mistake."))


def check_told(told_on: date | None, *, joined_on: date, today: date) -> None:
    """The day on which a member told staff: one between joining and today."""
    if told_on is not None and not joined_on <= told_on <= today:
        raise BadInput(_("Give the day on which the member told you: today or earlier, after they joined."))


def is_delete_word(text: str) -> bool:
    """Whether this is the word, in whatever case and language."""
    return text.strip().upper() in DELETE_WORDS.values()


def due_at(rung: Rung, *, waive: bool, now: datetime) -> datetime | None:
    """When leaving is carried out; None for rungs that carry out nothing."""
    if RUNGS[rung].status is None:
        return None
    return now if waive and rung == Rung.LEAVE_DELETE else now + WAIT


def can_undo(state: str, due: datetime | None, *, now: datetime) -> bool:
    """Whether a member can take this back: until it is due, for then its cards are being destroyed."""
    return may_become(state, State.UNDONE) and (due is None or now < due)


def sends_receipt(rung: Rung, channel: str) -> bool:
    """A receipt goes to who left and kept the answers, and to whom staff recorded a stop for.

    Who deletes on a page gets none: all contact stops at once, and the page itself says what was done.
    """
    return RUNGS[rung].receipt or channel == Channel.TOLD_STAFF
