"""Consent forms (versioned wording per language), the append-only ledger. No names, no addresses, no status.

Whether a purpose holds today is read from the ledger by consent/selectors.py, never stored.
"""

import uuid
from collections.abc import Iterable
from datetime import date
from typing import Any, TypeVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from consent.errors import ConsentError


class Purpose(models.TextChoices):
    WAVES = "waves", _("further survey waves")
    KEEP_IN_TOUCH = "keep_in_touch", _("keeping in touch")
    INTERVIEW = "interview", _("an interview")
    ARCHIVE = "archive", _("archiving for reuse")
    QUOTE = "quote", _("being quoted")
    SERVICE = "service", _("service mail")


class Block(models.TextChoices):
    """What an information letter has to tell (NO-02), in the order in which it is shown."""

    PURPOSE = "purpose", _("what the study is for")
    RESPONSIBLE = "responsible", _("who is responsible")
    WHY_YOU = "why_you", _("why you are asked")
    WHAT_IT_MEANS = "what_it_means", _("what taking part means")
    VOLUNTARY = "voluntary", _("voluntary, withdraw without reason or consequence")
    NO_EFFECT = "no_effect", _("no effect on permit or benefits")
    ACCESS = "access", _("who has access and how it is kept")
    THIRD_PERSONS = "third_persons", _("third persons")
    END = "end", _("what happens at the end, and when")
    LEGAL_BASIS = "legal_basis", _("legal basis")
    RIGHTS = "rights", _("your rights")
    COMPLAINT = "complaint", _("complaint to the supervisory authority")
    CONTACTS = "contacts", _("contacts")


class ConsentForm(models.Model):
    """One version of the wording a study shows: an information letter and the questions that follow it."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        APPROVED = "approved", _("approved")
        RETIRED = "retired", _("retired")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study_key = models.UUIDField()
    version = models.CharField(max_length=40)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    number = models.PositiveIntegerField(default=1, help_text="Which form of its study it is, in order.")
    based_on = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    writers = models.JSONField(
        default=list, help_text="User names of who wrote in it; none of them approves."
    )
    approved_by = models.CharField(max_length=150, blank=True)
    approved_on = models.DateField(null=True, blank=True)
    retired_on = models.DateField(null=True, blank=True)
    sha256 = models.CharField(
        max_length=64, blank=True, help_text="Hash of the letter and all questions in all languages."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study_key", "version"], name="one_form_per_version")]

    class Privacy:
        purpose = "shows what a member was asked"
        retention = "as long as the study"
        classes = dict.fromkeys(
            (
                "id", "study_key", "version", "status", "number", "based_on", "writers", "approved_by",
                "approved_on", "retired_on", "sha256",
            ),
            "internal",
        )  # fmt: skip

    def __str__(self) -> str:
        return self.version

    def approve(self, day: date, *, by: str = "", sha256: str = "") -> None:
        """From here on neither the form nor its texts can be changed."""
        self.status, self.approved_on, self.approved_by, self.sha256 = self.Status.APPROVED, day, by, sha256
        super().save(update_fields=["status", "approved_on", "approved_by", "sha256"])

    def retire(self, day: date) -> None:
        """It is shown to nobody any more, and stays the proof of what was agreed to."""
        self.status, self.retired_on = self.Status.RETIRED, day
        super().save(update_fields=["status", "retired_on"])

    def save(self, *args: Any, **kwargs: Any) -> None:
        refuse_if_approved(self.pk)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        refuse_if_approved(self.pk)
        return super().delete(*args, **kwargs)


def refuse_if_approved(*forms: uuid.UUID) -> None:
    """Words people agreed to stay as they were; new words are a new version."""
    if ConsentForm.objects.filter(pk__in=forms).exclude(status=ConsentForm.Status.DRAFT).exists():
        raise ConsentError(str(_("An approved consent form can't be changed. Make a new version.")))


T = TypeVar("T", bound="Words")


class FrozenQuerySet(models.QuerySet[T]):
    """Sets are guarded like single texts."""

    def update(self, **kwargs: Any) -> int:
        refuse_if_approved(*self.values_list("form_id", flat=True).distinct())
        return super().update(**kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        refuse_if_approved(*self.values_list("form_id", flat=True).distinct())
        return super().delete()

    def bulk_create(self, objs: Iterable[T], *args: Any, **kwargs: Any) -> list[T]:
        texts = list(objs)
        refuse_if_approved(*{text.form_id for text in texts})
        return super().bulk_create(texts, *args, **kwargs)


class Words(models.Model):
    """Exact words in one language, with their hash; frozen once the form is approved, by triggers too."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    language = models.CharField(max_length=10)
    body = models.TextField()
    sha256 = models.CharField(max_length=64)

    objects = FrozenQuerySet.as_manager()
    form_id: uuid.UUID

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        refuse_if_approved(self.form_id)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        refuse_if_approved(self.form_id)
        return super().delete(*args, **kwargs)


def heading_and_words(body: str) -> tuple[str, str]:
    """A block's heading, which is its first line, and the words below it."""
    heading, _newline, words = body.strip().partition("\n")
    return heading.strip(), words.strip()


class InformationBlock(Words):
    """One part of the information letter in one language; its first line is its heading."""

    form = models.ForeignKey(ConsentForm, on_delete=models.PROTECT, related_name="blocks")
    block = models.CharField(max_length=16, choices=Block)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["form", "block", "language"], name="one_block_per_language")
        ]

    class Privacy:
        purpose = "shows what a member was told, word for word"
        retention = "as long as the study"
        classes = dict.fromkeys(("id", "form", "block", "language", "body", "sha256"), "internal")

    def __str__(self) -> str:
        return f"{self.block} ({self.language})"

    @property
    def heading(self) -> str:
        return heading_and_words(self.body)[0]

    @property
    def words(self) -> str:
        return heading_and_words(self.body)[1]


class ConsentText(Words):
    """The exact words of one question in one language."""

    form = models.ForeignKey(ConsentForm, on_delete=models.PROTECT, related_name="texts")
    position = models.PositiveSmallIntegerField(default=0, help_text="Which question of the form it is.")
    question = models.CharField(max_length=40)
    grants = models.JSONField(help_text="Purposes that a yes to this question grants.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["form", "question", "language"], name="one_text_per_language")
        ]

    class Privacy:
        purpose = "shows what a member was asked, word for word"
        retention = "as long as the study"
        classes = dict.fromkeys(
            ("id", "form", "position", "question", "grants", "language", "body", "sha256"), "internal"
        )

    def __str__(self) -> str:
        return f"{self.question} ({self.language})"


class ConsentEntry(models.Model):
    """One line of the ledger (LAW-02). Immutable: triggers refuse UPDATE, DELETE and TRUNCATE.

    `id` only keeps the order of entries and never leaves the table.
    """

    class Action(models.TextChoices):
        GIVEN = "given", _("given")
        IMPORTED = "imported", _("imported")
        INFORMED = "informed", _("informed")
        WITHDRAWN = "withdrawn", _("withdrawn")
        OBJECTED = "objected", _("objected")

    #: After these a purpose holds no more; after any other it does.
    NO = (Action.WITHDRAWN, Action.OBJECTED)

    id = models.BigAutoField(primary_key=True)
    study_key = models.UUIDField()
    subject = models.CharField(max_length=12, help_text="Member code.")
    purpose = models.CharField(max_length=16, choices=Purpose)
    action = models.CharField(max_length=10, choices=Action)
    form_version = models.CharField(max_length=40, blank=True)
    text_sha256 = models.CharField(max_length=64, blank=True)
    language = models.CharField(max_length=10, blank=True)
    channel = models.CharField(max_length=20, help_text="recruitment file, portal, letter, told staff")
    day = models.DateField()

    class Meta:
        indexes = [models.Index(fields=["study_key", "subject", "purpose", "id"], name="ledger_by_subject")]
        verbose_name_plural = "consent entries"

    class Privacy:
        purpose = "proves what was agreed to and withdrawn"
        retention = "as long as the study; names nobody once the link key is gone"
        classes = dict.fromkeys(
            (
                "id",
                "study_key",
                "subject",
                "purpose",
                "action",
                "form_version",
                "text_sha256",
                "language",
                "channel",
                "day",
            ),
            "internal",
        )

    def __str__(self) -> str:
        return f"{self.subject} {self.purpose} {self.action}"
