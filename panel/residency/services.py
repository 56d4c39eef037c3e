"""Writes of residency: evidence as it is told, spells derived from it, flags and their reviews.

Nothing here sends or stops mail, and no status of a case or membership is touched (RES-05).
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from panel import words
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotAllowed, NotNow
from panel.instruments import selectors as instruments
from panel.instruments.routing import residency_answers
from panel.members import permissions
from panel.members import services as members
from panel.members.models import PanelMember
from panel.members.rules import Verb
from panel.members.selectors import is_restricted
from panel.residency import rules, selectors
from panel.residency.models import Evidence, Flag, FlagReview, Source, Spell
from panel.responses.models import Response

SELF = Actor.system("residency")


@transaction.atomic
def take_evidence(*, response: Response, now: datetime) -> Evidence | None:
    """What a completed response says of where its member lives; None if it says nothing of it.

    Asked again for the same response, gives what was taken then: evidence is never overwritten (RES-04).
    """
    if response.completed_at is None:
        return None
    # First what locks nothing: the nightly sweep meets each response that says nothing of it, every night.
    told = residency_answers(instruments.questionnaire(response.instrument), response.answers)
    place = told.get("status")
    if not isinstance(place, str) or place not in PanelMember.Place.values:
        return None
    member = _locked(response.case.member_id)
    taken = Evidence.objects.filter(case=response.case_id).first()
    if taken:
        return taken
    months = {"month": told.get("left_month"), "arrived_month": told.get("arrived_month")}
    return _tell(
        Evidence(
            member=member,
            case=response.case,
            source=Source.WAVE,
            place=place,
            region=str(told.get("region") or ""),
            told_on=timezone.localdate(response.completed_at),
            **{name: str(value or "") for name, value in months.items()},
        ),
        now=now,
    )


@transaction.atomic
def told_staff(
    *, by: Actor, member: PanelMember, place: str, month: str = "", region: str = "", now: datetime
) -> Evidence:
    """What a member told a coordinator by mail or phone; a relative's word is no evidence (RES-03)."""
    permissions.check(by, member.study, Verb.REVIEW_FLAG)
    _check_free(member)
    _check_told(place, month)
    evidence = Evidence(
        member=_locked(member.pk),
        source=Source.TOLD_STAFF,
        place=place,
        month=month,
        region=region,
        told_on=timezone.localdate(now),
    )
    audit.record(by=by, verb="residency.told", now=now, study=member.study.slug, subject=member.code)
    return _tell(evidence, now=now)


@transaction.atomic
def told_on_own_page(
    *, by: Actor, member: PanelMember, place: str, month: str = "", now: datetime
) -> Evidence:
    """What a member says is right (RES-04): one more piece of evidence, beside all that was told before.

    "In Norway" since a month is an arrival. Said twice in a row it is said once.
    """
    if by != Actor.member(member.code):
        raise NotAllowed(_("Only the member says on their own page where they live."))
    _check_told(place, month)
    member, today = _locked(member.pk), timezone.localdate(now)
    in_norway = place == PanelMember.Place.IN_NORWAY
    months = {"month": "" if in_norway else month, "arrived_month": month if in_norway else ""}
    told = {"source": Source.OWN_PAGE, "place": place, "told_on": today, **months}
    last = Evidence.objects.filter(member=member).order_by("-number").first()
    if last and all(getattr(last, name) == value for name, value in told.items()):
        return last
    audit.record(by=by, verb="residency.told", now=now, study=member.study.slug, subject=member.code)
    return _tell(Evidence(member=member, **told), now=now)


def _check_told(place: str, month: str) -> None:
    if place not in PanelMember.Place.values:
        raise BadInput(_("Say where the member lives, in one of the listed words."))
    if month and not rules.is_month(month):
        raise BadInput(_("Give the month as YYYY-MM, or leave it blank."))


def _tell(evidence: Evidence, *, now: datetime) -> Evidence:
    """Stores evidence, raises a flag where one is due, derives spells and place anew."""
    member = evidence.member
    earlier = selectors.told([member.pk])[member.pk]
    evidence.number = max((one.number for one in earlier), default=0) + 1
    evidence.save(force_insert=True)
    kind = rules.flag_for(earlier, selectors.as_told(evidence))
    if kind:
        flag = Flag.objects.create(
            member=member, evidence=evidence, kind=kind, raised_on=timezone.localdate(now)
        )
        _note(SELF, "flag.raised", flag, now)
    _derive(member, by=SELF, now=now)
    return evidence


def _derive(member: PanelMember, *, by: Actor, now: datetime) -> None:
    evidence = selectors.told([member.pk])[member.pk]
    Spell.objects.filter(member=member).delete()
    Spell.objects.bulk_create(
        Spell(
            member=member,
            place=stretch.place,
            region=stretch.region,
            from_month=stretch.start,
            from_told=stretch.start_told,
            to_month=stretch.end,
        )
        for stretch in rules.spells(evidence)
    )
    place = rules.reviewed_place(evidence)
    if place != member.place:
        members.set_place(by=by, member=member, place=place, now=now)


@transaction.atomic
def review_flag(*, by: Actor, flag: Flag, state: str, reason: str, now: datetime) -> FlagReview:
    """Confirms or dismisses a flag, with a reason; may be done anew, and every review stays."""
    permissions.check(by, flag.member.study, Verb.REVIEW_FLAG)
    _check_free(flag.member)
    reason = words.reason(reason)
    member = _locked(flag.member_id)
    flag.refresh_from_db()
    if state not in rules.TRANSITIONS[flag.state]:
        raise NotNow(_("This flag was already reviewed so. Look at its history."))
    flag.state = state
    flag.save(update_fields=["state"])
    review = FlagReview.objects.create(flag=flag, state=state, reason=reason, by=by.name, at=now)
    _derive(member, by=by, now=now)
    _note(by, "flag.reviewed", flag, now)
    return review


def sweep_completions(*, now: datetime) -> int:
    """Takes evidence from completed responses that a crash left without it."""
    missed = selectors.completed_without_evidence().iterator(chunk_size=500)
    return sum(take_evidence(response=response, now=now) is not None for response in missed)


def _check_free(member: PanelMember) -> None:
    """Staff change nothing while a member's data are restricted (LAW-10)."""
    if is_restricted(member):
        raise NotNow(_("This member’s data are restricted: nothing is changed until that is lifted."))


def _note(by: Actor, verb: str, flag: Flag, now: datetime) -> None:
    """One audit row: that a flag was touched, never where somebody lives, for it outlives an erasure."""
    study = flag.member.study.slug
    audit.record(
        by=by, verb=verb, now=now, study=study, subject=flag.member.code, detail={"flag": str(flag.pk)}
    )


def _locked(member: UUID) -> PanelMember:
    """The member, locked, so that two tellings get two numbers."""
    return PanelMember.objects.select_for_update(of=("self",)).select_related("study").get(pk=member)
