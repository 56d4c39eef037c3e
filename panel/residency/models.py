"""Evidence, spells and flags of where a member lives, in months and macro-regions at the finest (RES-02).

Evidence comes from the member alone and is never overwritten; spells are derived from it; a flag asks a
person to look.
"""

import uuid

from django.db import models

from panel.members.models import PanelMember
from panel.waves.models import Case


class Source(models.TextChoices):
    WAVE = "wave", "answers of a wave"
    OWN_PAGE = "own_page", "the member's own page"
    TOLD_STAFF = "told_staff", "the member told staff"


class Evidence(models.Model):
    """What a member told, as told."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    member = models.ForeignKey(PanelMember, on_delete=models.CASCADE, related_name="evidence")
    case = models.OneToOneField(
        Case, on_delete=models.CASCADE, null=True, blank=True, related_name="evidence", help_text="The wave's case."
    )
    source = models.CharField(max_length=12, choices=Source)
    place = models.CharField(max_length=12, choices=PanelMember.Place)
    month = models.CharField(max_length=7, blank=True, help_text="Since when, YYYY-MM, as far as told.")
    region = models.CharField(max_length=20, blank=True, help_text="Macro-region of the study's list, or blank.")
    told_on = models.DateField()

    class Privacy:
        purpose = "what a member told of where they live"
        retention = "until erasure"
        classes = {
            **dict.fromkeys(("id", "member", "case", "source", "told_on"), "internal"),
            **dict.fromkeys(("place", "month", "region"), "sensitive"),
        }


class Spell(models.Model):
    """A stretch of months in one place, derived from the evidence; derived anew when there is more."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    member = models.ForeignKey(PanelMember, on_delete=models.CASCADE, related_name="spells")
    place = models.CharField(max_length=12, choices=PanelMember.Place)
    region = models.CharField(max_length=20, blank=True)
    from_month = models.CharField(max_length=7, blank=True)
    to_month = models.CharField(max_length=7, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["member", "from_month", "place"], name="one_spell_per_start")]

    class Privacy:
        purpose = "where a member lived when"
        retention = "until erasure"
        classes = {
            **dict.fromkeys(("id", "member"), "internal"),
            **dict.fromkeys(("place", "region", "from_month", "to_month"), "sensitive"),
        }


class Flag(models.Model):
    """Asks a coordinator to look; never stops mail (RES-05). States: table in residency/rules.py."""

    class Kind(models.TextChoices):
        LEFT = "left", "says they no longer live in Norway"
        CHANGED = "changed", "says they live elsewhere than before"
        CONTRADICTION = "contradiction", "answers contradict each other"

    class State(models.TextChoices):
        OPEN = "open", "to review"
        CONFIRMED = "confirmed", "confirmed"
        DISMISSED = "dismissed", "dismissed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    member = models.ForeignKey(PanelMember, on_delete=models.CASCADE, related_name="flags")
    evidence = models.OneToOneField(Evidence, on_delete=models.CASCADE, related_name="flag")
    kind = models.CharField(max_length=14, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    raised_on = models.DateField()

    class Privacy:
        purpose = "has a person look at a change"
        retention = "until erasure"
        classes = {
            **dict.fromkeys(("id", "member", "evidence", "state", "raised_on"), "internal"),
            "kind": "sensitive",
        }


class FlagReview(models.Model):
    """One decision on a flag, with its reason; a flag's history is its reviews."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    flag = models.ForeignKey(Flag, on_delete=models.CASCADE, related_name="reviews")
    state = models.CharField(max_length=10, choices=Flag.State)
    reason = models.TextField()
    by = models.CharField(max_length=150)
    at = models.DateTimeField()

    class Privacy:
        purpose = "shows who decided, and why"
        retention = "until erasure"
        classes = {**dict.fromkeys(("id", "flag", "state", "by", "at"), "internal"), "reason": "free text"}
