"""What a member says to each purpose: answers to new words, takes a yes back, agrees again (LAW-04, LAW-05).

Every yes goes to the ledger with the hash of the words that were shown (LAW-02). Staff do none of this.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from consent import selectors as consents
from consent import services as ledger
from consent.models import ConsentEntry, ConsentForm, ConsentText, Purpose
from consent.services import NewEntry
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotNow
from panel.journal import services as journal
from panel.members import permissions
from panel.members import selectors as membership
from panel.members import services as members
from panel.members.models import Hold, PanelMember
from panel.rights import objections
from panel.rights.models import ReconsentAsk, Stop
from panel.rights.own import check_own

Action = ConsentEntry.Action
CLOCK = Actor.system("re-consent")
YES, NO = "yes", "no"


@dataclass(frozen=True)
class Standing:
    """One purpose as it stands: the entry that decides, the words agreed to, the words a new yes would be to."""

    purpose: str
    holds: bool
    since: ConsentEntry | None
    agreed: ConsentText | None
    offer: ConsentText | None


def standings(member: PanelMember, language: str) -> list[Standing]:
    """Each purpose the member was ever asked for, and each that the form of today asks for, in its order."""
    history = list(consents.history(study_key=member.study.key, subject=member.code))
    latest = {entry.purpose: entry for entry in history}
    yes = {entry.purpose: entry for entry in history if entry.action in (Action.GIVEN, Action.IMPORTED)}
    offers = _offers(member, language)
    return [
        Standing(
            purpose=purpose,
            holds=purpose in latest and latest[purpose].action not in ConsentEntry.NO,
            since=latest.get(purpose),
            agreed=consents.text_of_entry(yes[purpose]) if purpose in yes else None,
            offer=offers.get(purpose) or (consents.text_of_entry(yes[purpose]) if purpose in yes else None),
        )
        for purpose in dict.fromkeys([*latest, *offers])
    ]


def language_of(member: PanelMember, language: str) -> str:
    """The language in which a form can be shown: the wanted one, if the study has it, else its own."""
    return language if language in member.study.languages else member.study.default_language


def waiting_ask(member: PanelMember) -> ReconsentAsk | None:
    """The question of a run that this member hasn't answered yet."""
    asks = ReconsentAsk.objects.filter(member=member, answered_on=None).select_related("run__form")
    shown = asks.filter(run__form__status=ConsentForm.Status.APPROVED)
    return shown.order_by("-run__started_at").first()


def is_over(ask: ReconsentAsk) -> bool:
    """Whether its words are shown to nobody any more, the member has left, or was asked for newer words since."""
    newer = ReconsentAsk.objects.filter(member=ask.member, run__started_at__gt=ask.run.started_at)
    return (
        ask.run.form.status != ConsentForm.Status.APPROVED
        or ask.member.status != PanelMember.Status.ACTIVE
        or newer.exclude(run__form=ask.run.form_id).exists()
    )


@transaction.atomic
def answer(
    *,
    by: Actor,
    ask: ReconsentAsk,
    said: Mapping[str, str],
    language: str,
    channel: Stop.Channel,
    now: datetime,
) -> None:
    """A yes or a no to each question of the form, in the words shown; then survey mail is no longer held.

    No question has a default, and each no stands for itself.
    """
    member, form = ask.member, ask.run.form
    check_own(by, member)
    if is_over(ask):
        raise NotNow(_("This is no longer asked. Your own page says what applies now."))
    questions = consents.questions(form, language_of(member, language))
    if any(said.get(question.question) not in (YES, NO) for question in questions):
        raise BadInput(_("Please say yes or no to each of these."))
    ledger.record([_entry(member, text, said[text.question] == YES, channel, now) for text in questions])
    refused = [text.grants[0] for text in questions if said[text.question] == NO]
    _journal(member, refused, channel, now)
    asked = ReconsentAsk.objects.filter(member=member, run__form=form, answered_on=None)
    asked.update(answered_on=timezone.localdate(now))
    if held := membership.standing_hold(member, Hold.Kind.RECONSENT):
        members.lift(by=CLOCK, held=held, now=now)
    _tell(by, member, "reconsent.answered", now, form=form.version)


@transaction.atomic
def withdraw(*, by: Actor, member: PanelMember, purpose: str, channel: Stop.Channel, now: datetime) -> None:
    """A no to one purpose; where the member was only informed, an objection (LAW-11). The others stand."""
    permissions.check_self(by, member)
    history = consents.history(study_key=member.study.key, subject=member.code)
    latest = history.filter(purpose=purpose).last() if purpose in Purpose.values else None
    if latest is None or latest.action in ConsentEntry.NO:
        raise NotNow(_("You have not agreed to this, so there is nothing to withdraw."))
    if latest.action == Action.INFORMED:
        objections.object_to(by=by, member=member, purposes=[purpose], channel=channel, now=now)
        return
    ledger.withdraw(
        study_key=member.study.key, subject=member.code, purposes=[purpose], channel=channel,
        day=timezone.localdate(now),
    )  # fmt: skip
    _journal(member, [purpose], channel, now)
    _tell(by, member, "consent.withdrawn", now, purpose=purpose)


@transaction.atomic
def give(
    *, by: Actor, member: PanelMember, purpose: str, sha256: str, channel: Stop.Channel, now: datetime
) -> None:
    """A yes to one purpose, in exactly the words that were shown."""
    check_own(by, member)
    if member.status != PanelMember.Status.ACTIVE:
        raise NotNow(_("You have left the study. Undo that first, then you can agree again."))
    text = next((one for one in _offered(member, purpose) if one.sha256 == sha256), None)
    if text is None:
        raise NotNow(_("The words were changed meanwhile. Please read them again."))
    held = consents.holding(study_key=member.study.key, subjects={member.code}, purpose=purpose)
    if held:
        return  # pressed twice
    ledger.record([_entry(member, text, True, channel, now, purpose=purpose)])
    _tell(by, member, "consent.given", now, purpose=purpose, form=text.form.version)


def _offers(member: PanelMember, language: str) -> dict[str, ConsentText]:
    """The words of today's form, by purpose."""
    form = consents.current_form(member.study.key, member.study.languages)
    if form is None:
        return {}
    return {text.grants[0]: text for text in consents.questions(form, language_of(member, language))}


def _offered(member: PanelMember, purpose: str) -> list[ConsentText]:
    """Whatever words a page may have shown for this purpose: today's in any language, or the member's own old ones."""
    shown = [_offers(member, language).get(purpose) for language in member.study.languages]
    agreed = [one.agreed for one in standings(member, member.language) if one.purpose == purpose]
    return [text for text in (*shown, *agreed) if text is not None]


def _entry(
    member: PanelMember, text: ConsentText, yes: bool, channel: Stop.Channel, now: datetime, purpose: str = ""
) -> NewEntry:
    return NewEntry(
        study_key=member.study.key,
        subject=member.code,
        purpose=purpose or text.grants[0],
        action=Action.GIVEN if yes else Action.WITHDRAWN,
        form_version=text.form.version,
        text_sha256=text.sha256,
        language=text.language,
        channel=channel,
        day=timezone.localdate(now),
    )


def _journal(member: PanelMember, purposes: list[str], channel: Stop.Channel, now: datetime) -> None:
    """A no must outlive a restored backup (CRY-11)."""
    if purposes:
        payload = {"purposes": purposes, "channel": str(channel)}
        slug, code = member.study.slug, member.code
        journal.record(kind=journal.Kind.WITHDRAWN, study=slug, code=code, payload=payload, now=now)


def _tell(by: Actor, member: PanelMember, verb: str, now: datetime, **detail: str) -> None:
    audit.record(by=by, verb=verb, now=now, study=member.study.slug, subject=member.code, detail=detail)
