"""Where there is no e-mail: a one-time link to pass on by SMS, Viber or telephone, or to key answers in (docs/adr).

Off unless the study decided for it, with a reason. Audited, counted, shown once. Not here: how the pages behind such a
link keep what is saved to themselves (panel/portal/survey.py).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from panel import words
from panel.audit import selectors as audit_events
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotNow
from panel.invitations import again, passing
from panel.members import permissions
from panel.members import selectors as members
from panel.members.models import PanelMember
from panel.members.rules import Verb
from panel.responses.models import Response
from panel.rights.phone_text import telling_words, text_for
from panel.vault.rules import DAILY_QUOTA
from panel.waves.models import Case
from panel.waves.modes import Mode

PASSED, KEYED = "link.passed_on", "answers.keying_begun"
#: How long answers can be keyed in by one link.
KEY_FOR = timedelta(hours=2)


@dataclass(frozen=True)
class Passed:
    """What a keeper passes on, shown once; `repr` shows nothing of it."""

    code: str
    language: str
    url: str = field(repr=False)
    text: str = field(repr=False)


def pass_on(*, by: Actor, member: PanelMember, reason: str, now: datetime) -> Passed:
    """A link to the questions that are open, and a text in the member's language that says nothing of the topic."""
    if found := telling_words(member):
        sentence = _(
            "The text would hold words that disclose the topic: %(words)s. Change the study’s name in letters."
        )
        raise NotNow(sentence % {"words": ", ".join(found)})
    with transaction.atomic():
        case = _begin(by, member, Verb.PASS_LINK, PASSED, now, reason=words.reason(reason))
        url = passing.mint(case=case, mode=Mode.SELF, today=timezone.localdate(now))
    return Passed(member.code, member.language, url, text_for(member, url))


def begin_keying(*, by: Actor, member: PanelMember, mode: Mode | str, reason: str, now: datetime) -> str:
    """The address of an empty form for what a member tells on the telephone, or wrote on paper; for two hours.

    A response that the member began is theirs alone: going on with it would show by its questions what was answered.
    """
    if mode not in (Mode.ASSISTED, Mode.PAPER):
        raise BadInput(_("Say how the answers come: by telephone or on paper."))
    why = words.reason(reason)
    with transaction.atomic():
        case = _begin(by, member, Verb.KEY_ANSWERS, KEYED, now, reason=why, mode=str(mode))
        if Response.objects.filter(case=case, revision__gt=0, mode=Mode.SELF).exists():
            raise NotNow(
                _(
                    "This member has begun by themselves, so only they go on. Send or pass on their link instead."
                )
            )
        return passing.mint(case=case, mode=Mode(mode), today=timezone.localdate(now), until=now + KEY_FOR)


def _begin(by: Actor, member: PanelMember, verb: Verb, event: str, now: datetime, **detail: str) -> Case:
    """The case that is open for this member; with the audit row, and refused past a day's number."""
    permissions.check(by, member.study, verb)
    if not member.study.phone_channel:
        raise NotNow(
            _(
                "This study uses e-mail only. A project leader can decide for telephone and paper, with a reason."
            )
        )
    case = again.open_case(member)
    if case is None or members.is_restricted(member):
        raise NotNow(_("Nothing is open for this member to answer now."))
    if _made_today(by, now) >= DAILY_QUOTA:
        raise NotNow(_("You have made as many links today as one person may. Go on tomorrow."))
    audit.record(by=by, verb=event, now=now, study=member.study.slug, subject=member.code, detail=detail)
    return case


def _made_today(by: Actor, now: datetime) -> int:
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    day = {"since": midnight, "until": midnight + timedelta(days=1)}
    return sum(audit_events.count(by=by, verb=verb, **day) for verb in (PASSED, KEYED))
