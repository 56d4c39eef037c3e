"""Requests on rights, and what happened to each. Deadlines and moves are request_rules.py's."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from panel.members.models import PanelMember, Study


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
