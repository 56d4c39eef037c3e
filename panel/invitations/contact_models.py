"""What waits for a contact keeper, by code: members whose address is dead, and those who wrote to us.

Nothing of a mail's words and no address stands here. How a case moves is lost_contacts.py's and replies.py's.
"""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from panel.members.models import PanelMember


class LostContact(models.Model):
    """A member whose address takes no letters, while somebody looks for another one. It says nothing of where they
    live (RES-03): no place, status or flag changes by it.
    """

    class State(models.TextChoices):
        OPEN = "open", _("open")
        CLOSED = "closed", _("closed")

    class Outcome(models.TextChoices):
        NEW_ADDRESS = "new_address", _("new address given")
        WORKS_AGAIN = "works_again", _("the address works again")
        NOT_FOUND = "not_found", _("no new address found")
        LET_BE = "let_be", _("asked to be left alone")
        NOT_NEEDED = "not_needed", _("no longer needed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    member = models.ForeignKey(PanelMember, on_delete=models.CASCADE, related_name="lost_contacts")
    state = models.CharField(max_length=6, choices=State, default=State.OPEN)
    outcome = models.CharField(max_length=12, choices=Outcome, blank=True)
    opened_on = models.DateField()
    due_on = models.DateField()
    closed_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["member"], condition=Q(state="open"), name="one_open_lost_contact"
            )
        ]
        indexes = [models.Index(fields=["state", "due_on"], name="lost_contacts_due")]

    class Privacy:
        purpose = "finds another way to a member whose address is dead"
        retention = "until erasure; else as long as the study"
        classes = dict.fromkeys(
            ("id", "member", "state", "outcome", "opened_on", "due_on", "closed_on"), "internal"
        )

    def __str__(self) -> str:
        return self.member.code


class LostContactStep(models.Model):
    """One thing that was tried, by whom, on which day."""

    class Kind(models.TextChoices):
        OPENED = "opened", _("two letters came back: the case was opened")
        ADDRESS_GIVEN = "address_given", _("a new address was taken in, to be confirmed there")
        ADDRESS_ACCEPTED = "address_accepted", _("a new address was accepted, for it is the member’s")
        WRONG_NAME = (
            "wrong_name",
            _("a new address was given on the public page, with a name that doesn’t fit"),
        )
        TRIED_AGAIN = "tried_again", _("the same address is tried again")
        NO_ANSWER = "no_answer", _("called or texted, no answer")
        SPOKEN = "spoken", _("told by phone")
        CLOSED = "closed", _("closed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey(LostContact, on_delete=models.CASCADE, related_name="steps")
    number = models.PositiveSmallIntegerField(help_text="Keeps the order: several may be of one day.")
    kind = models.CharField(max_length=20, choices=Kind)
    by = models.CharField(max_length=150)
    on = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "number"], name="lost_contact_steps_in_order")]

    class Privacy:
        purpose = "shows what was tried to reach a member again"
        retention = "as their case"
        classes = dict.fromkeys(("id", "case", "number", "kind", "by", "on"), "internal")


class ReplyCase(models.Model):
    """A member wrote, and somebody answers by a day. The mail itself is in the study's inbox, none of it here."""

    class Way(models.TextChoices):
        PASSED_ON = "passed_on", _("passed on to the study’s inbox")
        RECORDED = "recorded", _("recorded by staff")

    class State(models.TextChoices):
        OPEN = "open", _("open")
        CLOSED = "closed", _("closed")

    class Outcome(models.TextChoices):
        ANSWERED = "answered", _("answered")
        STOPPED = "stopped", _("stop recorded")
        LINK_SENT = "link_sent", _("link sent again")
        ADDRESS_ASKED = "address_asked", _("new address taken in")
        REQUESTED = "requested", _("recorded as a request on their rights")
        NOTHING = "nothing", _("nothing to do")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    member = models.ForeignKey(PanelMember, on_delete=models.CASCADE, related_name="replies")
    way = models.CharField(max_length=10, choices=Way)
    mails = models.PositiveSmallIntegerField(default=1, help_text="So many since it was opened.")
    state = models.CharField(max_length=6, choices=State, default=State.OPEN)
    outcome = models.CharField(max_length=14, choices=Outcome, blank=True)
    received_on = models.DateField()
    due_on = models.DateField()
    closed_on = models.DateField(null=True, blank=True)
    handled_by = models.CharField(max_length=150, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["member"], condition=Q(state="open"), name="one_open_reply")
        ]
        indexes = [models.Index(fields=["state", "due_on"], name="replies_due")]

    class Privacy:
        purpose = "sees to it that who writes is answered in time"
        retention = "until erasure; else as long as the study"
        classes = dict.fromkeys(
            ("id", "member", "way", "mails", "state", "outcome", "received_on", "due_on", "closed_on",
             "handled_by"),
            "internal",
        )  # fmt: skip

    def __str__(self) -> str:
        return self.member.code
