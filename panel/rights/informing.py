"""Where a study rests on public interest: its members were given the information letter, and may object (LAW-11).

The ledger takes `informed` for any study it is told of; that it is such a study is checked here. An objection is
objections.py's.
"""

from collections.abc import Collection
from datetime import date, datetime

from django.db import transaction
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _

from consent import selectors as consents
from consent import services as ledger
from consent.models import ConsentEntry
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotNow
from panel.members import permissions
from panel.members.models import LegalBasis, PanelMember, Study
from panel.members.rules import Verb
from panel.rights.consenting import language_of
from panel.rights.objections import PURPOSES


@transaction.atomic
def inform(
    *, by: Actor, study: Study, purposes: Collection[str], channel: str, given_on: date, now: datetime
) -> int:
    """Record that all active members were given today's letter; returns to how many lines.

    Whatever somebody said before stands: who objected or withdrew is never made informed again by this.
    """
    permissions.check(by, study, Verb.RUN_RECONSENT)
    if study.legal_basis != LegalBasis.PUBLIC_INTEREST:
        raise NotNow(_("This study rests on consent: telling people is not enough, they must agree."))
    form = consents.current_form(study.key, study.languages)
    if form is None:
        raise NotNow(_("The study has no approved consent form with a letter in all its languages."))
    if not purposes or not set(purposes) <= set(PURPOSES):
        raise BadInput(_("Say what the members were informed of: one or more purposes."))
    if given_on > localdate(now):
        raise BadInput(_("The day on which the letter was given lies in the future."))
    active = PanelMember.objects.filter(study=study, status=PanelMember.Status.ACTIVE).select_related("study")
    languages = {one.code: language_of(one, one.language) for one in active.iterator()}
    lines = 0
    for purpose in purposes:
        said = ConsentEntry.objects.filter(study_key=study.key, purpose=purpose)
        new = {
            code: languages[code] for code in languages.keys() - set(said.values_list("subject", flat=True))
        }
        ledger.inform(form=form, languages=new, purposes=[purpose], channel=channel, day=given_on)
        lines += len(new)
    detail = {"purposes": sorted(purposes), "lines": lines, "channel": channel}
    audit.record(
        by=by, verb="members.informed", now=now, study=study.slug, subject=form.version, detail=detail
    )
    return lines
