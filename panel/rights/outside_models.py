"""What of a study lies outside this service, and whose data it holds, by code. None of it can be opened from here."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from panel.members.models import Study


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
