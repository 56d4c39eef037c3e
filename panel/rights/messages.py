"""Messages: words to one member or to everybody of a study, told of by a letter without content.

The words are read on the member's own page, since a mail is open. Not here: the letters' own words, and the page.
"""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.errors import BadInput, NotNow
from panel.invitations.models import LetterKind
from panel.invitations.services import queue_service, queue_service_many
from panel.logs import masked
from panel.members import permissions
from panel.members.models import Hold, PanelMember, Study
from panel.members.rules import Verb
from panel.rights.models import Message

#: The letters that say no more than that there is something to read.
KINDS = frozenset({LetterKind.ANSWER, LetterKind.NOTICE, LetterKind.RESULT})
LONGEST = 5000


@transaction.atomic
def write(
    *,
    by: Actor,
    study: Study,
    words: Mapping[str, str],
    kind: LetterKind | str,
    now: datetime,
    member: PanelMember | None = None,
) -> Message:
    """Keep the words and queue their letter: to this member, else to everybody who may be written to."""
    permissions.check(by, study, Verb.ANSWER_REQUEST)
    kind = LetterKind(kind)
    texts = _checked(study, words, kind, member)
    message = Message.objects.create(study=study, member=member, kind=kind, words=texts, made_at=now)
    if member is not None:
        queue_service(member=member, occasion=message.pk, kind=kind, now=now)
        letters = 1
    else:
        ids = readers(study, kind).values_list("pk", flat=True).iterator(chunk_size=5000)
        letters = queue_service_many(members=ids, occasion=message.pk, kind=kind, now=now)
    audit.record(
        by=by, verb="message.written", now=now, study=study.slug, subject=member.code if member else "",
        detail={"kind": kind.value, "letters": letters},
    )  # fmt: skip
    return message


def readers(study: Study, kind: LetterKind) -> QuerySet[PanelMember]:
    """Whom a message to everybody is mailed to: nobody who left, is being deleted, or can't be reached.

    A notice is what the law demands, so it goes to those who are held or asked for no more letters too;
    results go to neither.
    """
    if kind != LetterKind.NOTICE:
        return study.members.open_to_letters()
    suppressed = Hold.objects.filter(lifted_at=None, kind=Hold.Kind.SUPPRESSION)
    active = study.members.filter(status=PanelMember.Status.ACTIVE, unreachable=False)
    return active.exclude(pk__in=suppressed.values("member"))


def _checked(
    study: Study, words: Mapping[str, str], kind: LetterKind, member: PanelMember | None
) -> dict[str, str]:
    """The texts as they are kept: in the languages of those who will read them, none too long."""
    if kind not in KINDS:
        raise BadInput(_("A message goes with a letter of answer, notice or result."))
    texts = {language: text.strip() for language, text in words.items() if text.strip()}
    if any(len(text) > LONGEST for text in texts.values()):
        raise BadInput(_("Make it shorter: at most %(signs)d characters.") % {"signs": LONGEST})
    if member is None:
        _check_everybody(study, texts, kind)
    else:
        _check_one(study, texts, member)
    return texts


def _check_everybody(study: Study, texts: Mapping[str, str], kind: LetterKind) -> None:
    if kind == LetterKind.ANSWER:
        raise BadInput(_("An answer goes to one member. Choose a notice or results for everybody."))
    if missing := [language for language in study.languages if language not in texts]:
        raise BadInput(
            _("The words are missing in: %(languages)s.") % {"languages": ", ".join(sorted(missing))}
        )


def _check_one(study: Study, texts: Mapping[str, str], member: PanelMember) -> None:
    """In the member's language; no contact data, for this database knows members by code alone (ZON-01)."""
    if member.study_id != study.pk:
        raise BadInput(_("This member is of another study."))
    if member.status == PanelMember.Status.DELETING:
        raise NotNow(_("This member asked for deletion: all contact stopped then."))
    if member.language not in texts and study.default_language not in texts:
        raise BadInput(_("Write it in the member’s language: %(language)s.") % {"language": member.language})
    for text in texts.values():
        for own in filter(None, (study.contact_email, study.dpo_contact)):
            text = text.replace(own, "")
        if masked(text) != text:
            raise BadInput(
                _(
                    "Leave out addresses, telephone numbers and links; only the study’s own addresses may stand there."
                )
            )
