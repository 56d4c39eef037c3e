"""Links as letters hold them: each with the request or the run that it is about."""

from panel.audit.rules import Actor
from panel.invitations import links
from panel.invitations.models import Link
from panel.rights import addresses as changes
from panel.rights import copies
from panel.rights.models import CopyRequest, ReconsentRun
from tests.factories import forms
from tests.factories.answering import NOW


def copy_asked(field):
    known = CopyRequest.objects.filter(member=field.amal).first()
    return known or copies.ask_copy(by=Actor.member(field.amal.code), member=field.amal, now=NOW).request


def link(field, use):
    """A link as its letter holds it; those of a request are about one."""
    occasion = None
    if use in (Link.Use.CONFIRM, Link.Use.CANCEL):
        copy_asked(field)  # before the change: while an address changes, no copy can be asked for
        by = Actor.member(field.amal.code)
        change = changes.waiting_change(field.amal, now=NOW) or changes.ask_change(
            by=by, member=field.amal, address="new@example.org", now=NOW
        )
        occasion = change.pk
    if use == Link.Use.COPY:
        occasion = copy_asked(field).pk
    if use == Link.Use.CONSENT:
        run = ReconsentRun.objects.filter(study=field.study).first() or forms.asked(field.study, now=NOW)
        occasion = run.pk
    new = links.NewLink(use, field.amal, field.case() if use == Link.Use.ANSWER else None, occasion)
    return links.mint_many([new], today=NOW.date())[0]
