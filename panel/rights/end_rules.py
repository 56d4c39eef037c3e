"""The order of a project's end, and when its steps may be taken (NO-04). Pure: takes `now`, returns values."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from panel.errors import BadInput, NotNow
from panel.rights.models import EndStep

Step = EndStep.Step

#: One after the other; docs/states.md is made from it.
TRANSITIONS: Mapping[Step, frozenset[Step]] = {
    Step.RESULT: frozenset({Step.RELEASE}),
    Step.RELEASE: frozenset({Step.ARCHIVE}),
    Step.ARCHIVE: frozenset({Step.OUTSIDE}),
    Step.OUTSIDE: frozenset({Step.LINK_KEY}),
    Step.LINK_KEY: frozenset({Step.ROWS}),
    Step.ROWS: frozenset({Step.BACKUPS}),
    Step.BACKUPS: frozenset({Step.CERTIFICATE}),
    Step.CERTIFICATE: frozenset(),
}
ORDER = tuple(Step)
#: How long members can read the results on their own page, unless the project's last day comes first.
READING = timedelta(days=30)


@dataclass(frozen=True)
class StepCard:
    """A step one can read: what it does; whether it can be taken back."""

    sentence: str | Promise
    for_good: bool = False


CARDS: Mapping[Step, StepCard] = {
    Step.RESULT: StepCard(
        _("Each member gets a letter that there is something to read on their own page, and reads it there.")
    ),
    Step.RELEASE: StepCard(_("The certificate says which cleared release the project ends with.")),
    Step.ARCHIVE: StepCard(
        _(
            "Coded answers of those who agreed to archiving, under new numbers, encrypted to the archive’s "
            "certificate. The file is pseudonymised (personal data); this service keeps no copy."
        )
    ),
    Step.OUTSIDE: StepCard(
        _("Recordings, transcripts, raw and linked files must be gone before nobody can say whose they were.")
    ),
    Step.LINK_KEY: StepCard(
        _(
            "Contact cards, data keys and the study’s own keys are destroyed, and the key-encryption key is "
            "replaced, so that old copies open nothing either. Nobody can be reached after this."
        ),
        for_good=True,
    ),
    Step.ROWS: StepCard(
        _(
            "Answers, evidence, letters, links and all else that is held by code is deleted. Counts per wave, "
            "cleared releases and forms stay. Then every table is searched for codes that were left."
        ),
        for_good=True,
    ),
    Step.BACKUPS: StepCard(
        _("Old backups hold what was deleted here. Say when they were or will be purged.")
    ),
    Step.CERTIFICATE: StepCard(_("What was destroyed when and by whom, with the head of the audit trail.")),
}


def next_step(done: Collection[str]) -> Step | None:
    """The first step that isn't done."""
    return next((step for step in ORDER if step not in done), None)


def check_order(step: Step, done: Collection[str]) -> None:
    """Refuses a step before its time, and one that is done."""
    if step in done:
        raise NotNow(_("This step is done already."))
    due = next_step(done)
    if due != step:
        assert due is not None
        raise NotNow(_("First comes: %(step)s.") % {"step": due.label})


def check_typed(typed: str, name: str) -> None:
    """Nothing of this happens by accident: the study's name is typed as it stands."""
    if typed.strip() != name:
        raise BadInput(_("Type the study’s name exactly as it stands, so that nothing happens by mistake."))


def check_read(told_on: date | None, last_day: date | None, *, today: date) -> None:
    """Members read the results on their own page, which goes with the link key."""
    if told_on is None or today >= told_on + READING or (last_day is not None and today >= last_day):
        return
    until = min(day for day in (told_on + READING, last_day) if day)
    raise NotNow(_("Members can read the results until %(day)s. Go on then.") % {"day": until.isoformat()})
