"""Evidence, spells and flags of where a member lives, in months and macro-regions at the finest (RES-02).

Evidence comes from the member alone and is never overwritten; spells are derived from it; a flag asks a
person to look. How they are derived stands in rules.py.
"""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from panel.members.models import PanelMember
from panel.waves.models import Case


class Source(models.TextChoices):
    """Where evidence may come from; there is no other source (RES-03)."""

    WAVE = "wave", _("answers of a wave")
    OWN_PAGE = "own_page", _("the member's own page")
    TOLD_STAFF = "told_staff", _("the member told staff")


class Evidence(models.Model):
    """What a member told, as told. `number` keeps the order of telling, for a day may hold two."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    member = models.ForeignKey(PanelMember, on_delete=models.CASCADE, related_name="evidence")
    number = models.PositiveSmallIntegerField()
    case = models.OneToOneField(
        Case,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="evidence",
        help_text="The wave's case.",
    )
    source = models.CharField(max_length=12, choices=Source)
    place = models.CharField(max_length=12, choices=PanelMember.Place)
    month = models.CharField(max_length=7, blank=True, help_text="Since when, YYYY-MM, as far as told.")
    arrived_month = models.CharField(
        max_length=7, blank=True, help_text="When they came to Norway, as far as told."
    )
    region = models.CharField(
        max_length=20, blank=True, help_text="Macro-region of the study's list, or blank."
    )
    told_on = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["member", "number"], name="evidence_in_order")]

    class Privacy:
        purpose = "what a member told of where they live"
        retention = "until erasure"
        classes = {
            **dict.fromkeys(("id", "member", "number", "case", "source", "told_on"), "internal"),
            **dict.fromkeys(("place", "month", "arrived_month", "region"), "sensitive"),
        }


class Spell(models.Model):
    """A stretch of months in one place, derived from the evidence; derived anew when there is more."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    member = models.ForeignKey(PanelMember, on_delete=models.CASCADE, related_name="spells")
    place = models.CharField(max_length=12, choices=PanelMember.Place)
    region = models.CharField(max_length=20, blank=True)
    from_month = models.CharField(max_length=7)
    from_told = models.BooleanField(help_text="False: the month was not told; it is the month of telling.")
    to_month = models.CharField(max_length=7, blank=True, help_text="Blank while it lasts.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["member", "from_month", "place"], name="one_spell_per_start")
        ]

    class Privacy:
        purpose = "where a member lived when"
        retention = "until erasure"
        classes = {
            **dict.fromkeys(("id", "member"), "internal"),
            **dict.fromkeys(("place", "region", "from_month", "from_told", "to_month"), "sensitive"),
        }


class Flag(models.Model):
    """Asks a coordinator to look; never stops mail (RES-05). States: table in residency/rules.py."""

    class Kind(models.TextChoices):
        LEFT = "left", _("says they no longer live in Norway")
        CHANGED = "changed", _("says they live elsewhere than before")
        CONTRADICTION = "contradiction", _("answers contradict each other")

    class State(models.TextChoices):
        OPEN = "open", _("to review")
        CONFIRMED = "confirmed", _("confirmed")
        DISMISSED = "dismissed", _("dismissed")

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

    def __str__(self) -> str:
        return f"{self.member.code}: {self.get_kind_display()}"


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
