"""The contact keeper's pages: enrol a file, open one card, find a code by address. No answer, status or flag here."""

from datetime import datetime
from pathlib import PurePath
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.files import File
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from panel import clock
from panel.audit.rules import Actor
from panel.desk import guard, pages
from panel.desk.base import Words, carry_out
from panel.desk.forms import DeskForm, MemberForm, StudyForm, Text, UploadForm
from panel.enrolment import services as enrolment
from panel.enrolment.rules import Outcome
from panel.errors import NotFound
from panel.members import selectors as members
from panel.members.models import PanelMember, Study
from panel.members.rules import Verb
from panel.vault.rules import DAILY_QUOTA

OUTCOMES: dict[str, Words] = {
    Outcome.ENROLLED: _("become members"),
    Outcome.ALREADY_MEMBER: _("are members already"),
    Outcome.NO_CONSENT: _("didn't agree to be contacted"),
    Outcome.NO_ADDRESS: _("gave no address"),
    Outcome.INVALID_ADDRESS: _("have an unusable address"),
    Outcome.MINOR: _("are under 18"),
    Outcome.UNKNOWN_AGE: _("may be under 18: no readable age"),
    Outcome.DOUBLE_ENTRY: _("answered twice"),
    Outcome.SUPPRESSED: _("asked never to be contacted again"),
    Outcome.ERASED: _("had everything about them deleted"),
}


class CardForm(MemberForm):
    """One card, with a reason."""

    reason = Text(label=_("Reason"), max_length=300, help_text=_("Kept with your name in the audit trail."))


class FindForm(StudyForm):
    """An address that somebody wrote from or named on the phone, with a reason."""

    address = Text(label=_("Address"), max_length=254)
    reason = Text(label=_("Reason"), max_length=300, help_text=_("Kept with your name in the audit trail."))


def member_of(study: Study, code: str) -> PanelMember:
    """The member, if they are of this study; else as if there were none."""
    member = members.member(code)
    if member.study_id != study.pk:
        raise NotFound(gettext("There is no member of this code in this study. Check it for a typing error."))
    return member


def card(request: HttpRequest) -> HttpResponse:
    """Opens one contact card in answer to a POST; its page has no URL of its own and is kept nowhere."""

    def act(by: Actor, now: datetime, study: Study, code: str, reason: str) -> pages.Shown:
        member = member_of(study, code)
        opened = enrolment.open_card(by=by, member_code=member.code, reason=reason, now=now)
        return pages.Shown("desk/card.html", {"card": opened})

    return pages.act(
        request,
        Verb.OPEN_CARD,
        CardForm,
        act,
        initial={"code": request.GET.get("code", "")},
        title=_("Contact card"),
        sentence=gettext(
            "One card at a time. Each is recorded before it opens; after %(quota)d in a day it stops."
        )
        % {"quota": DAILY_QUOTA},
        button=_("Open the card"),
    )


def find(request: HttpRequest) -> HttpResponse:
    """The codes at an address, in answer to a POST; the answer repeats no address and says nothing else of anybody."""

    def act(by: Actor, now: datetime, study: Study, address: str, reason: str) -> pages.Shown:
        codes = enrolment.find_member(by=by, study=study, address=address, reason=reason, now=now)
        return pages.Shown("desk/found.html", {"codes": codes})

    return pages.act(
        request,
        Verb.OPEN_CARD,
        FindForm,
        act,
        title=_("Find a member’s code"),
        sentence=gettext(
            "For somebody who writes or calls without a code. It is recorded, and counts like an opened card: "
            "%(quota)d in a day."
        )
        % {"quota": DAILY_QUOTA},
        button=_("Find the code"),
    )


def enrol(request: HttpRequest) -> HttpResponse:
    """Takes a recruitment file in, sealed, and leads to its preview; nobody is enrolled yet."""

    def act(by: Actor, now: datetime, study: Study, file: "File[bytes]") -> pages.Done:
        suffix = PurePath(file.name or "").suffix.lower()
        kept, _preview = enrolment.stage(by=by, study=study, data=file.read(), suffix=suffix, now=now)
        return pages.Done(
            _("The file was read. Nobody is enrolled yet."), reverse("desk:enrol_preview", args=[kept.pk])
        )

    return pages.act(
        request,
        Verb.ENROL,
        UploadForm,
        act,
        title=_("Enrol a file"),
        sentence=_(
            "You see counts, line numbers and reasons first; nothing of a cell is shown or written to disk."
        ),
        button=_("Read the file"),
        upload=True,
    )


def enrol_preview(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What admitting a staged file would do (GET); admits it or forgets it (POST)."""
    guard.studies_for(request, Verb.ENROL)
    by, now = guard.actor(request), clock.now()
    form, status = DecideForm(request.POST if request.method == "POST" else None), 200
    if request.method == "POST":
        said, status = carry_out(form, lambda decision: _decide(by, pk, decision, now))
        if status == 200:
            messages.success(request, said)
            return HttpResponseRedirect(reverse("desk:enrol"))
    result = enrolment.preview_staged(by=by, pk=str(pk), now=now)
    counts = [(OUTCOMES.get(outcome, outcome), number) for outcome, number in result.outcome.items()]
    reasons = [(line, OUTCOMES.get(reason, reason)) for line, reason in result.left_out]
    context = {"title": _("Preview"), "result": result, "counts": counts, "reasons": reasons, "form": form}
    return pages.page(request, "desk/preview.html", context, status=status)


class DecideForm(DeskForm):
    """Admit or forget."""

    decision = forms.ChoiceField(choices=[("admit", "admit"), ("discard", "discard")])


def _decide(by: Actor, pk: UUID, decision: str, now: datetime) -> str:
    if decision == "discard":
        enrolment.discard_staged(by=by, pk=str(pk), now=now)
        return gettext("The upload is forgotten. Nobody was enrolled.")
    done = enrolment.admit_staged(by=by, pk=str(pk), now=now)
    number = done.outcome.get(Outcome.ENROLLED, 0)
    return ngettext("%(count)d person became a member.", "%(count)d people became members.", number) % {
        "count": number
    }
