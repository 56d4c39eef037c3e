"""A letter tried on oneself: to the log-in's own address, with invented values and links that lead nowhere.

Counts for nothing: no row of the outbox, no link, no event. A worker sends it, for the desk speaks to no mail server.
"""

from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.translation import gettext as _

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotNow
from panel.invitations import letter_versions, links, post, rules
from panel.invitations.letters import OF_LETTER, prepare
from panel.invitations.models import Letter, Trial
from panel.invitations.post import Mail, Outcome
from panel.invitations.rendering import PLACEHOLDERS
from panel.invitations.wording import PLACEHOLDERS as EXPLAINED
from panel.members import permissions
from panel.members.rules import Verb

#: Before the subject; says nothing of what the letter is about, in any language.
MARKED = "[test]"
#: In place of a token, and as long as one: the page there says that the link can't be used.
NOWHERE = ("test" * 11)[:43]
WAITS = tuple(timedelta(minutes=minutes) for minutes in (2, 10, 60))
LEASE = timedelta(minutes=10)
KEPT = timedelta(days=7)
MOST_AN_HOUR = 20


@transaction.atomic
def send_to_self(*, by: Actor, letter: Letter, language: str, now: datetime) -> Trial:
    """Asks a worker to send one version in one language, draft or not, to who asks."""
    permissions.check(by, letter.study, Verb.DRAFT_LETTER)
    if not letter.texts.filter(language=language).exists():
        raise BadInput(_("The letter has no words in this language yet."))
    if not address_of(by.name):
        raise NotNow(_("Your log-in has no e-mail address. An operator enters it."))
    if Trial.objects.filter(to=by.name, asked_at__gt=now - timedelta(hours=1)).count() >= MOST_AN_HOUR:
        raise NotNow(_("You have had many trials within an hour. Wait a little; the preview shows the same."))
    trial = Trial.objects.create(letter=letter, language=language, to=by.name, asked_at=now, due_at=now)
    audit.record(
        by=by, verb="letter.tried", now=now, study=letter.study.slug,
        subject=letter_versions.label(letter), detail={"language": language},
    )  # fmt: skip
    return trial


def address_of(name: str) -> str:
    """The address of a log-in that is still in use, or nothing."""
    found = get_user_model().objects.filter(username=name, is_active=True)
    return found.values_list("email", flat=True).first() or ""


def send_due(*, now: datetime) -> int:
    """Sends the trials that wait; in a worker. A crash in between sends one again, to who asked."""
    Trial.objects.filter(asked_at__lt=now - KEPT).delete()
    sent = 0
    due = Trial.objects.filter(state=Trial.State.ASKED, due_at__lte=now).select_related("letter__study")
    mine = [trial for trial in due.order_by("asked_at") if _claim(trial, now)]
    if not mine:
        return 0
    with post.postman() as postman:
        for trial in mine:
            to = address_of(trial.to)
            outcome = postman.hand_over(mail(trial, to, now), now) if to else Outcome.ADDRESS_REFUSED
            _note(trial, outcome, now)
            sent += outcome is Outcome.ACCEPTED
    return sent


def values(now: datetime) -> dict[str, str]:
    """What stands for a letter's placeholders in a trial and in a preview: invented, and no link leads anywhere."""
    made = {name: EXPLAINED[name].example for name in OF_LETTER - {"for_whom"}}
    made |= {name: links.url(use, NOWHERE) for use, name in PLACEHOLDERS.items()}
    return made | {"closes": f"{rules.local_day(now) + timedelta(days=30):%d.%m.%Y}"}


def mail(trial: Trial, to: str, now: datetime) -> Mail:
    """The letter as a member would get it, but for its subject and links."""
    prepared = prepare(trial.letter.texts.get(language=trial.language), trial.letter.study)
    text, html = prepared.fill(values(now), "")
    return Mail(
        row=trial.pk,
        to=to,
        subject=f"{MARKED} {prepared.subject}",
        sender=prepared.sender,
        reply_to=prepared.reply_to,
        text=text,
        html=html,
    )


def _claim(trial: Trial, now: datetime) -> bool:
    """By compare-and-set, so that of two workers one sends it."""
    waiting = Trial.objects.filter(pk=trial.pk, state=Trial.State.ASKED, due_at=trial.due_at)
    return bool(waiting.update(due_at=now + LEASE))


def _note(trial: Trial, outcome: Outcome, now: datetime) -> None:
    trial.attempts += 1
    if outcome in {Outcome.ACCEPTED, Outcome.DOUBT}:
        trial.state = Trial.State.SENT
    elif outcome in {Outcome.LATER, Outcome.NO_SERVER} and trial.attempts <= len(WAITS):
        trial.due_at = now + WAITS[trial.attempts - 1]
    else:
        trial.state = Trial.State.FAILED
    trial.save(update_fields=["state", "attempts", "due_at"])
