"""What goes to the data-protection officer by itself: the daily head of the audit chain, or that it is broken.

The mail holds a position and a hash, nothing of anybody; it leaves through invitations/post.py like every mail.
Keeping the mails is the officer's part: a head in a mailbox elsewhere can't be changed from here.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from django.conf import settings
from django.utils import translation
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from panel.audit import anchors
from panel.audit.rules import Actor
from panel.audit.selectors import Verdict
from panel.invitations.post import Mail, Outcome, postman
from panel.members.models import Study

log = logging.getLogger(__name__)
BEAT = Actor.system("beat")
#: Both in one mail: an institution's officer reads one of them.
LANGUAGES = ("nb", "en")


@dataclass(frozen=True)
class Told:
    """What one night's anchoring did; how many officers were told, of how many."""

    verdict: Verdict
    noted: bool
    sent: int
    officers: int


def anchor(*, now: datetime) -> Told:
    """Notes the head of the chain in the file, and mails it if the installation wants that (AUD-01)."""
    done = anchors.anchor(by=BEAT, now=now)
    if not done.verdict.ok:
        log.error("The audit chain is broken at %s. Run `manage.py audit verify`.", done.verdict.first_broken)
    officers = _officers() if settings.AUDIT_ANCHOR_MAIL and (done.noted or not done.verdict.ok) else []
    sent = _mail(officers, done.verdict, now)
    if sent < len(officers):
        log.warning("The audit chain's head reached %d of %d officers.", sent, len(officers))
    return Told(done.verdict, done.noted, sent, len(officers))


def _officers() -> list[str]:
    """One address each, however many studies it stands in; ended studies keep theirs, for audit outlives them."""
    contacts = Study.objects.exclude(dpo_contact="").values_list("dpo_contact", flat=True)
    return sorted({contact.strip().lower() for contact in contacts})


def _mail(officers: Iterable[str], verdict: Verdict, now: datetime) -> int:
    sent = 0
    with postman() as carrier:
        for officer in officers:
            sent += carrier.hand_over(_letter(officer, verdict), now) is Outcome.ACCEPTED
    return sent


def _letter(to: str, verdict: Verdict) -> Mail:
    """Says where the chain stands, in both languages."""
    texts = [_words(language, verdict) for language in LANGUAGES]
    return Mail(
        row=uuid4(),
        to=to,
        subject=f"Gjensyn: {texts[0][0]} / {texts[1][0]}",
        sender="Gjensyn",
        reply_to=settings.DEFAULT_FROM_EMAIL,
        text="\n\n--\n\n".join("\n\n".join(lines) for _subject, lines in texts) + "\n",
        html=_page([line for _subject, lines in texts for line in lines]),
    )


def _page(lines: list[str]) -> SafeString:
    paragraphs = format_html_join("\n", "<p>{}</p>", ([line] for line in lines))
    return format_html(
        '<!doctype html><html><head><meta charset="utf-8"></head><body>{}</body></html>', paragraphs
    )


def _words(language: str, verdict: Verdict) -> tuple[str, list[str]]:
    with translation.override(language):
        if not verdict.ok:
            lines = [
                _("The audit trail does not hold. The first row that fails is: %(row)s.")
                % {"row": verdict.first_broken},
                _("Ask the operator to keep the database as it is and to run `manage.py audit verify`."),
            ]
            return _("the audit trail is broken"), lines
        lines = [
            _("The audit trail holds %(number)d sealed events. The hash of the last one is:")
            % {"number": verdict.sealed},
            verdict.head,
            _(
                "Keep this mail: with it anybody can show later that nothing before it was changed or removed."
            ),
        ]
        return _("the audit trail's head today"), lines
