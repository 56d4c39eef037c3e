"""Pauses of all survey mail: by a person, for a study; by itself, for all, when errors pile up.

A person's pause ends by a person. The other kind is ended by a person or by one letter that goes through; until then
it gets longer each time. Service mail goes on: who asked for it waits for it, and it shows when the server is back.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from panel import words
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import NotNow
from panel.invitations import rules
from panel.invitations.models import Outgoing, SendingPause
from panel.members import permissions
from panel.members.models import Study
from panel.members.rules import Verb

Why = SendingPause.Why
CLOCK = Actor.system("clock")
#: The letters that are looked at, and how many of them there must be before they say anything.
LAST, ENOUGH = 100, 20
#: The share of them that may fail. Of a list that is a year old some five in a hundred addresses are gone.
SHARE = 0.3
#: Tell of one mailbox and of nothing else: no pause helps, and of letters tried once more the most fail by these.
OF_ONE_MAILBOX = frozenset({rules.Reason.MAILBOX_FULL, rules.Reason.GAVE_UP})
#: So many tries one after the other, by whatever worker, that found no server.
ABSENT = 3
#: Older tries say nothing of now.
RECENT = timedelta(minutes=30)
#: How long, the first time and the next; a pause soon after the last one goes on where that one was.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (2, 5, 15, 30, 60))
SOON = timedelta(hours=1)


def standing(study: Study) -> SendingPause | None:
    """What keeps this study's survey mail back now; a person's pause before one of all studies."""
    found = list(SendingPause.objects.filter(Q(study=study) | Q(study=None), lifted_at=None))
    return min(found, key=lambda pause: pause.study_id is None, default=None)


def paused(studies: Collection[UUID]) -> set[UUID]:
    """Of these studies those that a person paused."""
    found = SendingPause.objects.filter(study__in=studies, lifted_at=None)
    return set(found.values_list("study", flat=True))


def seen_by(studies: QuerySet[Study]) -> list[SendingPause]:
    """What keeps letters of these studies back."""
    standing = SendingPause.objects.filter(Q(study__in=studies) | Q(study=None), lifted_at=None)
    return list(standing.select_related("study").order_by("since"))


def of_all() -> SendingPause | None:
    """The pause of all studies, if errors piled up."""
    return SendingPause.objects.filter(study=None, lifted_at=None).order_by("since").first()


@transaction.atomic
def pause(*, by: Actor, study: Study, reason: str, now: datetime) -> SendingPause:
    """All survey mail of the study stops: what is claimed too, for it is looked at once more before it goes."""
    permissions.check(by, study, Verb.PAUSE_SENDING)
    why = words.reason(reason)
    try:
        with transaction.atomic():
            made = SendingPause.objects.create(study=study, reason=why, paused_by=by.name, since=now)
    except IntegrityError:
        raise NotNow(_("The letters of this study are paused already.")) from None
    detail = {"pause": str(made.pk), "reason": why}
    audit.record(by=by, verb="sending.paused", now=now, study=study.slug, detail=detail)
    return made


@transaction.atomic
def lift(*, by: Actor, pause: SendingPause, study: Study | None = None, now: datetime) -> None:
    """The letters go on at the next look. Of a pause of all studies `study` is where the person's role is."""
    study = pause.study or study
    if study is None:
        raise NotNow(_("Say for which of your studies the letters shall go on."))
    permissions.check(by, study, Verb.PAUSE_SENDING)
    _lift(pause, by, study.slug, now)


def _lift(pause: SendingPause, by: Actor, study: str, now: datetime) -> None:
    still = SendingPause.objects.filter(pk=pause.pk, lifted_at=None)
    if not still.update(lifted_at=now, lifted_by=by.name):
        raise NotNow(_("This pause was lifted already."))
    audit.record(by=by, verb="sending.went_on", now=now, study=study, detail={"pause": str(pause.pk)})


@transaction.atomic
def watch(*, now: datetime) -> SendingPause | None:
    """Looks at the last tries: begins a pause where errors piled up, ends it where a letter went through.

    Returns the pause of all studies that stands afterwards. Two at once make one.
    """
    here = of_all()
    if here is not None:
        if not _went_through(here):
            return here
        _lift(here, CLOCK, "", now)
    why = piled_up(_tries(now))
    return _begin(why, now) if why else None


def _went_through(here: SendingPause) -> bool:
    """Whether a letter was taken since. After a pile of errors only the one that was tried for this counts."""
    taken = Outgoing.objects.filter(state=Outgoing.State.SENT, tried_at__gt=here.since)
    if here.why == Why.ERRORS:
        taken = taken.filter(claim=here.probe) if here.probe else taken.none()
    return taken.exists()


def _tries(now: datetime) -> list[str]:
    """What became of the last tries, newest first: a code, blank where the letter was taken. None before a pause."""
    since = now - RECENT
    lifted = SendingPause.objects.filter(study=None, lifted_at__gt=since).order_by("-lifted_at").first()
    if lifted and lifted.lifted_at:
        since = lifted.lifted_at
    over = Outgoing.objects.filter(tried_at__gt=since, lease_until=None)  # not what is being sent right now
    over = over.exclude(reason__in=OF_ONE_MAILBOX)
    tries, absences = list[str](), set[datetime | None]()
    for state, reason, at in over.order_by("-tried_at").values_list("state", "reason", "tried_at")[:LAST]:
        if reason == rules.Reason.NO_SERVER:
            if at in absences:
                continue  # one try of one worker, whatever the letters it had in hand
            absences.add(at)
        tries.append("" if state == Outgoing.State.SENT else reason)
    return tries


def piled_up(tries: Collection[str]) -> Why | None:
    """Whether that is too much. Pure."""
    newest = list(tries)[:ABSENT]
    if len(newest) == ABSENT and all(one == rules.Reason.NO_SERVER for one in newest):
        return Why.NO_SERVER
    failed = sum(1 for one in tries if one in rules.ERRORS)
    return Why.ERRORS if len(tries) >= ENOUGH and failed > SHARE * len(tries) else None


def _begin(why: Why, now: datetime) -> SendingPause | None:
    last = SendingPause.objects.filter(study=None, lifted_at__gt=now - SOON).order_by("-lifted_at").first()
    tries = min(last.tries + 1, len(WAITS) - 1) if last else 0
    try:
        with transaction.atomic():
            made = SendingPause.objects.create(
                why=why, paused_by=CLOCK.name, since=now, tries=tries, until=now + WAITS[tries]
            )
    except IntegrityError:  # another worker saw the same
        return of_all()
    minutes = int(WAITS[tries].total_seconds() // 60)
    detail = {"pause": str(made.pk), "why": why.value, "minutes": minutes}
    audit.record(by=CLOCK, verb="sending.paused", now=now, detail=detail)
    return made


def try_one(*, here: SendingPause, claim: UUID, now: datetime) -> bool:
    """Whether this claim, of one letter, may be sent in spite of the pause; the next such try comes later still."""
    tries = min(here.tries + 1, len(WAITS) - 1)
    due: QuerySet[SendingPause] = SendingPause.objects.filter(
        pk=here.pk, lifted_at=None, until=here.until, until__lte=now
    )
    return bool(due.update(tries=tries, probe=claim, until=now + WAITS[tries]))
