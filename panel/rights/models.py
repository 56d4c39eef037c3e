"""Stops (LAW-06) and erasures that wait; requests on rights, messages, the register of what lies outside."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from panel.invitations.models import LetterKind
from panel.members.models import PanelMember, Study
from panel.rights.address_models import AddressChange as AddressChange
from panel.rights.copy_models import Copy as Copy
from panel.rights.copy_models import CopyRequest as CopyRequest
from panel.rights.end_models import EndStep as EndStep
from panel.rights.end_models import Extension as Extension
from panel.rights.end_models import ProjectEnd as ProjectEnd
from panel.rights.lost_models import AskedLink as AskedLink
from panel.rights.reconsent_models import ReconsentAsk as ReconsentAsk
from panel.rights.reconsent_models import ReconsentRun as ReconsentRun
from panel.rights.retention_models import RetentionReport as RetentionReport
from panel.waves.models import Case


class Stop(models.Model):
    """One rung a member chose. Undone where the rung allows it; an erasure is carried out when due.

    The row outlives the member as a proof by code (`code`), so its foreign keys are emptied by an erasure.
    """

    class Rung(models.TextChoices):
        PAUSE = "pause", _("pause until a date")
        NO_REMINDERS = "no_reminders", _("no more reminders in this wave")
        NO_MAIL = "no_mail", _("no more mail")
        LEAVE_KEEP = "leave_keep", _("leave the panel, keep coded answers")
        LEAVE_DELETE = "leave_delete", _("leave and delete")

    class State(models.TextChoices):
        IN_FORCE = "in_force", _("in force")
        UNDONE = "undone", _("undone by the member")
        REPLACED = "replaced", _("replaced by a newer one of its rung")
        DONE = "done", _("carried out")

    class Channel(models.TextChoices):
        ANSWER_PAGE = "answer page", _("on a page of the survey")
        STOP_PAGE = "stop page", _("on the page of stops")
        OWN_PAGE = "own page", _("on the member’s own page")
        OTHER_PAGE = "other page", _("on the page of a request’s link")
        ONE_CLICK = "one click", _("by the mail program's button")
        TOLD_STAFF = "told staff", _("told staff")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    member = models.ForeignKey(
        PanelMember, on_delete=models.SET_NULL, null=True, blank=True, related_name="stops"
    )
    code = models.CharField(max_length=12)
    case = models.ForeignKey(Case, on_delete=models.SET_NULL, null=True, blank=True, related_name="stops")
    rung = models.CharField(max_length=12, choices=Rung)
    state = models.CharField(max_length=10, choices=State, default=State.IN_FORCE)
    channel = models.CharField(max_length=20, choices=Channel)
    withdrawn = models.JSONField(
        default=list, help_text="Consent purposes it withdrew; an undo gives them again."
    )
    asked_at = models.DateTimeField()
    told_on = models.DateField(null=True, blank=True, help_text="The day on which the member told staff.")
    never_again = models.BooleanField(
        default=False, help_text="On leaving: this address is never to be contacted again, in whatever file."
    )
    until = models.DateField(null=True, blank=True, help_text="End of a pause.")
    due_at = models.DateTimeField(null=True, blank=True, help_text="When leaving is carried out for good.")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["state", "due_at"], name="stops_due")]

    class Privacy:
        purpose = "carries out what a member asked for, and shows that it was"
        retention = "as long as the study; names nobody after an erasure"
        classes = dict.fromkeys(
            ("id", "member", "code", "case", "rung", "state", "channel", "withdrawn", "asked_at", "told_on",
             "never_again", "until", "due_at", "ended_at"),
            "internal",
        )  # fmt: skip


class Message(models.Model):
    """Words to one member, or to everybody of a study; read on the own page, for a mail holds no content."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="messages")
    member = models.ForeignKey(
        PanelMember, on_delete=models.CASCADE, null=True, blank=True, related_name="messages",
        help_text="None: everybody of the study.",
    )  # fmt: skip
    kind = models.CharField(max_length=16, choices=LetterKind, help_text="The letter that told of it.")
    words = models.JSONField(help_text="The text by language.")
    made_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["study", "member", "made_at"], name="messages_to_read")]

    class Privacy:
        purpose = "answers a member, and tells them what the law demands"
        retention = "until erasure; to everybody, as long as the study"
        classes = {
            **dict.fromkeys(("id", "study", "member", "kind", "made_at"), "internal"),
            "words": "free text",
        }

    def text(self, language: str) -> str:
        """The words in this language, else in the study's own, else in any there is."""
        found = self.words.get(language) or self.words.get(self.study.default_language)
        return str(found or next(iter(self.words.values()), ""))


class Request(models.Model):
    """What a member asks on their rights (GDPR 15-21), with the day by which it is answered.

    It holds no words: those are notes, which an erasure empties, so that the row stays as a proof by code.
    """

    class Kind(models.TextChoices):
        ACCESS = "access", _("access: what is held")
        PORTABILITY = "portability", _("portability: a copy to take along")
        RECTIFICATION = "rectification", _("correction of something")
        RESTRICTION = "restriction", _("restriction: the use of the data frozen")
        OBJECTION = "objection", _("objection to the use of the data")
        WITHDRAWAL = "withdrawal", _("withdrawal of consent, leaving the study")
        ERASURE = "erasure", _("erasure of everything")
        COMPLAINT = "complaint", _("complaint")
        QUESTION = "question", _("question")

    class Channel(models.TextChoices):
        MAIL = "mail", _("by mail")
        PHONE = "phone", _("on the phone")
        LETTER = "letter", _("by letter")
        OWN_PAGE = "own_page", _("on the member’s own page")

    class State(models.TextChoices):
        OPEN = "open", _("open")
        EXTENDED = "extended", _("open, time extended")
        ANSWERED = "answered", _("answered")
        CLOSED = "closed", _("closed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="requests")
    member = models.ForeignKey(
        PanelMember, on_delete=models.SET_NULL, null=True, blank=True, related_name="requests"
    )
    code = models.CharField(max_length=12)
    kind = models.CharField(max_length=16, choices=Kind)
    channel = models.CharField(max_length=10, choices=Channel)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    received_on = models.DateField()
    due_on = models.DateField()
    answered_on = models.DateField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["study", "state", "due_on"], name="requests_by_deadline")]

    class Privacy:
        purpose = "answers a member's request in time, and shows that it was"
        retention = "as long as the study; names nobody after an erasure"
        classes = dict.fromkeys(
            ("id", "study", "member", "code", "kind", "channel", "state", "received_on", "due_on",
             "answered_on"),
            "internal",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.code} · {self.get_kind_display()}"


class RequestNote(models.Model):
    """One thing that happened to a request: who, when, and what staff wrote of it."""

    class Kind(models.TextChoices):
        RECEIVED = "received", _("received")
        ADVISED = "advised", _("advice of the data-protection officer")
        COPIED = "copied", _("copy asked for")
        CORRECTED = "corrected", _("new address taken in, to be confirmed there")
        RESTRICTED = "restricted", _("restriction set")
        LIFTED = "lifted", _("restriction lifted")
        OBJECTED = "objected", _("objection recorded")
        STOPPED = "stopped", _("stop recorded")
        EXTENDED = "extended", _("time extended")
        ANSWERED = "answered", _("answered")
        CLOSED = "closed", _("closed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="notes")
    number = models.PositiveSmallIntegerField(help_text="Keeps the order: several may be of one moment.")
    kind = models.CharField(max_length=10, choices=Kind)
    by = models.CharField(max_length=150)
    at = models.DateTimeField()
    words = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "number"], name="notes_in_order")]

    class Privacy:
        purpose = "shows how a request was dealt with"
        retention = "as long as the study; the words until erasure"
        classes = {
            **dict.fromkeys(("id", "request", "number", "kind", "by", "at"), "internal"),
            "words": "free text",
        }


class OutsideItem(models.Model):
    """Something of the study that lies outside this service, where no button here deletes it (LAW-14, NO-04)."""

    class Kind(models.TextChoices):
        LINKED_FILE = "linked_file", _("linked file, pseudonymised (personal data)")
        RECORDING = "recording", _("recording")
        TRANSCRIPT = "transcript", _("transcript")
        RAW_FILE = "raw_file", _("raw file")
        BACKUP = "backup", _("backup")
        PAPER = "paper", _("paper")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="outside")
    kind = models.CharField(max_length=12, choices=Kind)
    what = models.CharField(max_length=120)
    where = models.CharField(max_length=200)
    holder = models.CharField(max_length=150)
    made_on = models.DateField()
    registered_by = models.CharField(max_length=150)
    gone_on = models.DateField(null=True, blank=True)
    gone_by = models.CharField(max_length=150, blank=True)

    class Privacy:
        purpose = "knows what must be cleaned or destroyed outside, and by whom"
        retention = "with the project's certificate"
        classes = dict.fromkeys(
            ("id", "study", "kind", "what", "where", "holder", "made_on", "registered_by", "gone_on",
             "gone_by"),
            "internal",
        )  # fmt: skip

    def __str__(self) -> str:
        return self.what


class OutsideHolding(models.Model):
    """That an outside item holds somebody's data, by code; outlives the member until they are taken out."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    item = models.ForeignKey(OutsideItem, on_delete=models.CASCADE, related_name="holdings")
    code = models.CharField(max_length=12, db_index=True)
    removed_on = models.DateField(null=True, blank=True)
    removed_by = models.CharField(max_length=150, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "code"], name="held_once_by_an_item")]

    class Privacy:
        purpose = "says from which files somebody who left must be taken out"
        retention = "until the item is gone and the project's end is certified"
        classes = dict.fromkeys(("id", "item", "code", "removed_on", "removed_by"), "internal")
