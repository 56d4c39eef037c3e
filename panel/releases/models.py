"""Releases asked for, their review, their frozen files. What is in a file is decided before it comes here."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from panel.members.models import Study
from panel.waves.models import Wave


class Release(models.Model):
    """One file or table somebody asked for. States go by the table in releases/rules.py (SDC-08)."""

    class Product(models.TextChoices):
        TABLES = "A", _("tables")
        MICRODATA = "B", _("anonymised microdata of one wave")

    class State(models.TextChoices):
        ASKED = "requested", _("waits for a reviewer")
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("rejected")
        WITHDRAWN = "withdrawn", _("withdrawn")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="releases")
    wave = models.ForeignKey(
        Wave, models.PROTECT, null=True, blank=True, related_name="releases", help_text="None: wave 0."
    )
    product = models.CharField(max_length=1, choices=Product)
    state = models.CharField(max_length=10, choices=State, default=State.ASKED)
    asked_by = models.CharField(max_length=150)
    asked_at = models.DateTimeField()
    reviewed_by = models.CharField(max_length=150, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True, help_text="Of the last decision.")
    checklist = models.JSONField(default=dict, help_text="Point -> ticked by the reviewer.")
    manifest = models.JSONField(default=dict, help_text="Counts, thresholds, what was done.")
    sha256 = models.CharField(max_length=64, help_text="Of the manifest file, which has the others'.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state="approved") | ~models.Q(reviewed_by=models.F("asked_by")),
                name="nobody_approves_their_own",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["approved", "rejected"])
                | (models.Q(reviewed_at__isnull=False) & ~models.Q(reviewed_by="") & ~models.Q(reason="")),
                name="a_review_says_who_when_why",
            ),
        ]

    class Privacy:
        purpose = "shows who let which file leave, and on what grounds"
        retention = "five years after project end"
        classes = {
            **dict.fromkeys(
                ("id", "study", "wave", "product", "state", "asked_by", "asked_at", "reviewed_by",
                 "reviewed_at", "reason", "checklist"),
                "internal",
            ),
            **dict.fromkeys(("manifest", "sha256"), "releasable"),
        }  # fmt: skip

    def __str__(self) -> str:
        return f"{self.product} {self.wave_name}"

    @property
    def wave_name(self) -> str:
        """What people call the wave; the recruitment is wave 0."""
        return self.wave.name if self.wave else "0"


class ReleaseFile(models.Model):
    """One file of a release, as it was when it was asked for (SDC-09)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=120)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["release", "name"], name="one_file_per_name")]

    class Privacy:
        purpose = "the frozen file itself, after disclosure control"
        retention = "five years after project end"
        classes = {
            **dict.fromkeys(("id", "release"), "internal"),
            **dict.fromkeys(("name", "content", "sha256"), "releasable"),
        }

    def __str__(self) -> str:
        return self.name
