"""The outbox, the letters and the links. A link is stored as a hash; a rendered mail is not stored
(MAIL-02).
"""

import uuid

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from consent.models import Purpose
from panel.invitations.contact_models import LostContact as LostContact
from panel.invitations.contact_models import LostContactStep as LostContactStep
from panel.invitations.contact_models import ReplyCase as ReplyCase
from panel.invitations.pause_models import SendingPause as SendingPause
from panel.invitations.return_models import Returned as Returned
from panel.invitations.trial_models import Trial as Trial
from panel.members.models import PanelMember, Study, StudyDecision
from panel.waves.models import Case
from panel.waves.modes import Mode


class LetterKind(models.TextChoices):
    """What a letter is for. The first seven are survey mail, sent by a wave's plan (waves/plans.py, StepKind); all
    others are service mail, sent at once.
    """

    PRE_NOTIFICATION = "pre_notification", _("pre-notification")
    INVITATION = "invitation", _("invitation")
    REMINDER = "reminder", _("reminder")
    CONTINUE = "continue", _("reminder to go on")
    THANKS = "thanks", _("thank-you")
    KEEP_IN_TOUCH = "keep_in_touch", _("keep in touch")
    INTERVIEW_REQUEST = "interview_request", _("interview request")
    RECEIPT = "receipt", _("receipt of a request")
    LINK_AGAIN = "link_again", _("a lost link, sent again")
    CONFIRM_ADDRESS = "confirm_address", _("to a new address, to be confirmed there")
    ADDRESS_NOTICE = "address_notice", _("to the old address: a new one was given")
    COPY_READY = "copy_ready", _("a copy of one's data is ready")
    ANSWER = "answer", _("answer to a request on one's rights")
    RECONSENT = "reconsent", _("asks to agree to new words")
    NOTICE = "notice", _("what the law demands: a longer study, a breach")
    RESULT = "result", _("results at the end of the study")


class Letter(models.Model):
    """One version of a letter, with its words in each language. What is approved is not changed: a new version is
    drafted from it.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        APPROVED = "approved", _("approved")
        RETIRED = "retired", _("retired")

    STANDARD = "standard"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="letters")
    kind = models.CharField(max_length=20, choices=LetterKind)
    name = models.SlugField(
        max_length=40, default=STANDARD, help_text="Tells letters of one kind apart, as a second reminder."
    )
    version = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    purpose = models.CharField(max_length=16, choices=Purpose)
    made_by = models.CharField(max_length=150)
    made_at = models.DateTimeField()
    writers = models.JSONField(default=list, help_text="Who wrote in this version; none of them approves it.")
    approved_by = models.CharField(max_length=150, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    retired_by = models.CharField(max_length=150, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["study", "kind", "name", "version"], name="one_letter_per_version"
            ),
            models.UniqueConstraint(
                fields=["study", "kind", "name"],
                condition=models.Q(state="draft"),
                name="one_draft_per_letter",
            ),
        ]

    class Privacy:
        purpose = "says what is written to members"
        retention = "as long as the study"
        classes = dict.fromkeys(
            ("id", "study", "kind", "name", "version", "state", "purpose", "made_by", "made_at", "writers",
             "approved_by", "approved_at", "retired_by", "retired_at"),
            "internal",
        )  # fmt: skip

    def __str__(self) -> str:
        name = "" if self.name == self.STANDARD else f" {self.name}"
        return gettext("%(letter)s, version %(number)d") % {
            "letter": f"{self.get_kind_display()}{name}",
            "number": self.version,
        }


class LetterText(models.Model):
    """A letter's words in one language."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    letter = models.ForeignKey(Letter, on_delete=models.CASCADE, related_name="texts")
    language = models.CharField(max_length=10)
    subject = models.CharField(max_length=120)
    body = models.TextField(help_text="Plain text with {placeholders}; the HTML part is made from it.")
    shared_line = models.CharField(
        max_length=300,
        blank=True,
        help_text="Stands at {for_whom} where several members share an address; has {mark}.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["letter", "language"], name="one_text_per_language_of_letter")
        ]

    class Privacy:
        purpose = "says what is written to members"
        retention = "as long as the study"
        classes = dict.fromkeys(("id", "letter", "language", "subject", "body", "shared_line"), "internal")


class Outgoing(models.Model):
    """One row of the outbox: one letter to one member for one occasion. States: table in
    invitations/rules.py.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        CLAIMED = "claimed", _("claimed by a worker")
        READY = "ready", _("checked, about to be sent")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        DEFERRED = "deferred", _("deferred")
        FAILED = "failed", _("failed")
        UNCONFIRMED = "unconfirmed", _("perhaps sent: a person decides")
        CANCELLED = "cancelled", _("not sent")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # No index where another begins with the same column or nobody asks by it: each mark of a letter renews them all.
    member = models.ForeignKey(PanelMember, on_delete=models.CASCADE, related_name="outgoing", db_index=False)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, null=True, blank=True, related_name="outgoing")
    purpose = models.CharField(max_length=16, choices=Purpose)
    occasion = models.UUIDField(help_text="The case, or a request of the member's own (service mail).")
    kind = models.CharField(max_length=20, choices=LetterKind)
    ordinal = models.PositiveSmallIntegerField(default=1)
    letter = models.ForeignKey(
        Letter,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="outgoing",
        db_index=False,
        help_text="The version its plan names; none for the newest approved one of its kind.",
    )
    state = models.CharField(max_length=12, choices=State, default=State.QUEUED)
    reason = models.CharField(
        max_length=40, blank=True, help_text="Why it was deferred, cancelled or failed: a code."
    )
    planned_at = models.DateTimeField(
        help_text="When its plan wanted it. Claims go in this order: what was deferred is not overtaken for ever."
    )
    due_at = models.DateTimeField(help_text="The first moment at which it may go.")
    cap = models.PositiveSmallIntegerField(default=2, help_text="How many reminders its wave may send.")
    raised_by = models.ForeignKey(
        StudyDecision,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        help_text="The decision on record that allows more than two.",
    )
    claim = models.UUIDField(null=True, blank=True, help_text="Which claim has it now.")
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    tried_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was last handed to the mail server."
    )
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["member", "purpose", "occasion", "kind", "ordinal"], name="each_letter_once"
            ),
            # The nth reminder is one letter, whether to begin or to go on.
            models.UniqueConstraint(
                fields=["case", "ordinal"],
                condition=models.Q(kind__in=("reminder", "continue")),
                name="each_reminder_once",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind__in=("reminder", "continue"))
                | models.Q(ordinal__lte=models.F("cap")),
                name="reminders_within_the_cap",
            ),
            models.CheckConstraint(
                condition=models.Q(cap__lte=2) | models.Q(raised_by__isnull=False),
                name="a_higher_cap_was_decided",
            ),
        ]
        indexes = [
            # Only of what waits, is in hand, or didn't go: most letters went, and are asked for by case.
            models.Index(
                fields=["due_at"], name="outbox_due", condition=models.Q(state__in=("queued", "deferred"))
            ),
            models.Index(
                fields=["state", "claim"],
                name="outbox_in_hand",
                condition=models.Q(state__in=("claimed", "ready", "sending", "unconfirmed")),
            ),
            models.Index(
                fields=["reason"], name="outbox_over", condition=models.Q(state__in=("failed", "cancelled"))
            ),
            models.Index(
                fields=["tried_at"], name="outbox_tries", condition=models.Q(tried_at__isnull=False)
            ),
        ]

    class Privacy:
        purpose = "sends each letter once"
        retention = "until erasure; else as long as the study"
        classes = dict.fromkeys(
            ("id", "member", "case", "purpose", "occasion", "kind", "ordinal", "letter", "state", "reason",
            "planned_at", "due_at", "cap", "raised_by", "claim", "lease_until", "attempts", "tried_at", "sent_at"),
            "internal",
        )  # fmt: skip


class Link(models.Model):
    """A link of a letter: 256 random bits, kept as a keyed hash; one purpose each (TOK-01)."""

    class Use(models.TextChoices):
        ANSWER = "answer", "answer a wave"
        STOP = "stop", "the ladder of stops"
        ONE_CLICK = "one_click", "one-click pause (RFC 8058)"
        OWN = "own", "the member's own page"
        CONFIRM = "confirm", "confirm a new address, from there"
        CANCEL = "cancel", "stop a change of address, from the old one"
        COPY = "copy", "fetch a copy of one's data"
        CONSENT = "consent", "agree to new words"

    hash = models.BinaryField(primary_key=True, max_length=32)
    use = models.CharField(max_length=10, choices=Use)
    member = models.ForeignKey(PanelMember, on_delete=models.CASCADE, related_name="links")
    case = models.ForeignKey(Case, on_delete=models.CASCADE, null=True, blank=True, related_name="links")
    occasion = models.UUIDField(
        null=True, blank=True, help_text="The request that a confirmation, a copy or a consent is about."
    )
    public = models.BinaryField(
        null=True,
        blank=True,
        help_text="Of the token of a copy: what is sealed to it, the token alone opens.",
    )
    made_on = models.DateField()
    by_hand = models.BooleanField(
        default=False, help_text="Went through a person's hands: its pages show nothing that is saved."
    )
    mode = models.CharField(
        max_length=10, choices=Mode, default=Mode.SELF, help_text="Who fills in the form behind it."
    )
    until = models.DateTimeField(null=True, blank=True, help_text="Its end, where it has one of its own.")

    class Privacy:
        purpose = "lets a member in without an account"
        retention = (
            "answer links 14 days after the wave's close, links of a request 7 days, others as the data"
        )
        classes = dict.fromkeys(
            ("hash", "use", "member", "case", "occasion", "public", "made_on", "by_hand", "mode", "until"),
            "internal",
        )
