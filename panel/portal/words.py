"""What members read for codes: kinds of letters, purposes, places, channels. Words only."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from consent.models import Purpose
from panel.invitations.models import LetterKind
from panel.members.models import LegalBasis, PanelMember
from panel.residency.models import Source
from panel.rights.models import OutsideItem

Words = Mapping[str, Promise]

LETTERS: Words = {
    LetterKind.PRE_NOTIFICATION: _("Notice that a survey is coming"),
    LetterKind.INVITATION: _("Invitation to a survey"),
    LetterKind.REMINDER: _("Reminder"),
    LetterKind.CONTINUE: _("Reminder to go on"),
    LetterKind.THANKS: _("Thanks for your answers"),
    LetterKind.KEEP_IN_TOUCH: _("Letter to keep in touch"),
    LetterKind.INTERVIEW_REQUEST: _("Question whether we may interview you"),
    LetterKind.LINK_AGAIN: _("Your link, sent again"),
    LetterKind.RECEIPT: _("Receipt for something you asked for"),
    LetterKind.CONFIRM_ADDRESS: _("Confirmation of a new address"),
    LetterKind.ADDRESS_NOTICE: _("Notice of a new address"),
    LetterKind.COPY_READY: _("Link to a copy of your data"),
    LetterKind.ANSWER: _("Notice of an answer to you"),
    LetterKind.RECONSENT: _("New information about the study"),
    LetterKind.NOTICE: _("Notice of a message to you"),
    LetterKind.RESULT: _("Results of the study"),
}

PURPOSES: Words = {
    Purpose.WAVES: _("Further surveys"),
    Purpose.KEEP_IN_TOUCH: _("Keeping in touch"),
    Purpose.INTERVIEW: _("Being asked for an interview"),
    Purpose.ARCHIVE: _("Reuse by other researchers"),
    Purpose.QUOTE: _("Quotes without your name"),
}

#: By the ledger's actions.
ACTIONS: Words = {
    "given": _("you agreed"),
    "imported": _("you agreed"),
    "withdrawn": _("you withdrew this"),
    "informed": _("you were informed"),
    "objected": _("you objected"),
}

BASES: Words = {
    LegalBasis.CONSENT: _("your consent (GDPR articles 6(1)(a) and 9(2)(a))"),
    LegalBasis.PUBLIC_INTEREST: _("research in the public interest (GDPR articles 6(1)(e) and 9(2)(j))"),
}

#: What lies outside this service, where nobody here deletes it by a button.
OUTSIDE: Words = {
    OutsideItem.Kind.LINKED_FILE: _("a file for named researchers in the project"),
    OutsideItem.Kind.RECORDING: _("a sound recording of an interview"),
    OutsideItem.Kind.TRANSCRIPT: _("a written record of an interview"),
    OutsideItem.Kind.RAW_FILE: _("the file with the first questionnaire"),
    OutsideItem.Kind.BACKUP: _("a backup"),
    OutsideItem.Kind.PAPER: _("a paper"),
}

PLACES: Words = {
    PanelMember.Place.IN_NORWAY: _("In Norway"),
    PanelMember.Place.RETURNED: _("Back in Ukraine"),
    PanelMember.Place.MOVED_ON: _("In another country"),
    PanelMember.Place.AWAY: _("Away from Norway for a while, or partly there and partly elsewhere"),
    PanelMember.Place.NOT_SAID: _("Prefer not to say"),
    PanelMember.Place.UNKNOWN: _("Not known"),
}

SOURCES: Words = {
    Source.WAVE: _("in a survey"),
    Source.OWN_PAGE: _("on this page"),
    Source.TOLD_STAFF: _("to someone at the project"),
}
