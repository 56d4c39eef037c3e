"""Consent forms (versioned wording per language), the append-only ledger. No names, no addresses, no status.

Whether a purpose holds today is read from the ledger by consent/selectors.py, never stored.
"""

import uuid
from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import models
from django.utils.translation import gettext as _

from consent.errors import ConsentError


class Purpose(models.TextChoices):
    WAVES = "waves", "further survey waves"
    KEEP_IN_TOUCH = "keep_in_touch", "keeping in touch"
    INTERVIEW = "interview", "an interview"
    ARCHIVE = "archive", "archiving for reuse"
    QUOTE = "quote", "being quoted"
    SERVICE = "service", "service mail"


class ConsentForm(models.Model):
    """One version of the wording a study shows."""

    class Status(models.TextChoices):
        DRAFT = "draft", "draft"
        APPROVED = "approved", "approved"
        RETIRED = "retired", "retired"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study_key = models.UUIDField()
    version = models.CharField(max_length=40)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    approved_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study_key", "version"], name="one_form_per_version")]

    class Privacy:
        purpose = "shows what a member was asked"
        retention = "as long as the study"
        classes = dict.fromkeys(("id", "study_key", "version", "status", "approved_on"), "internal")

    def __str__(self) -> str:
        return self.version

    def approve(self, day: date) -> None:
        """From here on neither the form nor its texts can be changed."""
        self.status, self.approved_on = self.Status.APPROVED, day
        super().save(update_fields=["status", "approved_on"])

    def save(self, *args: Any, **kwargs: Any) -> None:
        refuse_if_approved(self.pk)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        refuse_if_approved(self.pk)
        return super().delete(*args, **kwargs)


def refuse_if_approved(*forms: uuid.UUID) -> None:
    """Words people agreed to stay as they were; new words are a new version."""
    if ConsentForm.objects.filter(pk__in=forms).exclude(status=ConsentForm.Status.DRAFT).exists():
        raise ConsentError(_("An approved consent form can't be changed. Make a new version."))


class TextQuerySet(models.QuerySet["ConsentText"]):
    """Sets are guarded like single texts."""

    def update(self, **kwargs: Any) -> int:
        refuse_if_approved(*self.values_list("form_id", flat=True).distinct())
        return super().update(**kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        refuse_if_approved(*self.values_list("form_id", flat=True).distinct())
        return super().delete()

    def bulk_create(self, objs: Iterable["ConsentText"], *args: Any, **kwargs: Any) -> list["ConsentText"]:
        texts = list(objs)
        refuse_if_approved(*{text.form_id for text in texts})
        return super().bulk_create(texts, *args, **kwargs)


class ConsentText(models.Model):
    """The exact words of one question in one language; frozen with its hash once the form is approved."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    form = models.ForeignKey(ConsentForm, on_delete=models.PROTECT, related_name="texts")
    question = models.CharField(max_length=40)
    grants = models.JSONField(help_text="Purposes that a yes to this question grants.")
    language = models.CharField(max_length=10)
    body = models.TextField()
    sha256 = models.CharField(max_length=64)

    objects = TextQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["form", "question", "language"], name="one_text_per_language")
        ]

    class Privacy:
        purpose = "shows what a member was asked, word for word"
        retention = "as long as the study"
        classes = dict.fromkeys(
            ("id", "form", "question", "grants", "language", "body", "sha256"), "internal"
        )

    def __str__(self) -> str:
        return f"{self.question} ({self.language})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        refuse_if_approved(self.form_id)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        refuse_if_approved(self.form_id)
        return super().delete(*args, **kwargs)


class ConsentEntry(models.Model):
    """One line of the ledger (LAW-02). Immutable: triggers refuse UPDATE, DELETE and TRUNCATE.

    `id` only keeps the order of entries and never leaves the table.
    """

    class Action(models.TextChoices):
        GIVEN = "given", "given"
        IMPORTED = "imported", "imported"
        WITHDRAWN = "withdrawn", "withdrawn"

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
