"""What a member told staff of their address: a new one, or that it must never be written to again. Shows none."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from panel.audit.rules import Actor
from panel.desk import guard, pages
from panel.desk.contacts import member_of
from panel.desk.forms import MemberForm, Text
from panel.members.models import Study
from panel.members.rules import Verb
from panel.rights import acts, selectors
from panel.rights.never_again import suppress_member


class SuppressForm(MemberForm):
    """A member, and how they asked."""

    reason = Text(label=_("Reason"), max_length=300, help_text=_("Kept with your name in the audit trail."))


class AddressForm(SuppressForm):
    """The same, with the new address."""

    address = Text(label=_("New address"), max_length=254)
    field_order = ("study", "code", "address", "reason")


def change(request: HttpRequest) -> HttpResponse:
    """Asks the new address, as the member's own page does; above, the codes of who asked for a correction."""

    def act(by: Actor, now: datetime, study: Study, code: str, address: str, reason: str) -> pages.Done:
        member = member_of(study, code)
        acts.change_address(by=by, member=member, address=address, reason=reason, now=now)
        said = gettext(
            "A letter asks the new address of %(code)s to confirm, and the old one is told. "
            "It changes when the member has confirmed."
        )
        return pages.Done(said % {"code": member.code}, reverse("desk:address"))

    return pages.act(
        request,
        Verb.CHANGE_ADDRESS,
        AddressForm,
        act,
        template="desk/address.html",
        waiting=selectors.corrections(guard.studies_for(request, Verb.CHANGE_ADDRESS)),
        initial={"code": request.GET.get("code", "")},
        title=_("Change an address"),
        sentence=_(
            "For a member who gave a new address by mail or on the phone. Nothing changes before it is confirmed "
            "there, within seven days."
        ),
        button=_("Ask the new address"),
    )


def suppress(request: HttpRequest) -> HttpResponse:
    """Puts a member's address on the study's list; the member stays one."""

    def act(by: Actor, now: datetime, study: Study, code: str, reason: str) -> pages.Done:
        member = member_of(study, code)
        suppress_member(by=by, member=member, reason=reason, now=now)
        said = gettext("%(code)s gets no more letters, and no later file enrols this address.")
        return pages.Done(said % {"code": member.code}, reverse("desk:suppress"))

    return pages.act(
        request,
        Verb.RECORD_STOP,
        SuppressForm,
        act,
        initial={"code": request.GET.get("code", "")},
        title=_("Never contact again"),
        sentence=_(
            "For a member who stays, with the answers they gave, and wants no letter ever again. "
            "Whoever leaves or deletes says so with the stop itself."
        ),
        button=_("Never contact again"),
    )
