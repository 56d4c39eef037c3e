"""Waves, cases and their events. Knows nothing of addresses, letters or answers: those leave events here."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from panel.errors import NotNow
from panel.instruments.models import InstrumentVersion
from panel.members.models import PanelMember, Study
from panel.waves.plans import Plan, StepKind


class Wave(models.Model):
    """One round of asking. Status changes go by the table in waves/rules.py."""

    class Status(models.TextChoices):
        PLANNED = "planned", _("planned")
        APPROVED = "approved", _("approved, sample drawn")
        OPEN = "open", _("open")
        CLOSED = "closed", _("closed")

    class Kind(models.TextChoices):
        """Pilots and interviews stand outside the days between survey waves (panel/invitations/rules.py)."""

        SURVEY = "survey", _("survey")
        PILOT = "pilot", _("pilot")
        KEEP_IN_TOUCH = "keep_in_touch", _("keep in touch")
        INTERVIEW = "interview", _("interview")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="waves")
    name = models.SlugField(max_length=40)
    number = models.PositiveSmallIntegerField(help_text="Wave 0 is the recruitment.")
    kind = models.CharField(max_length=14, choices=Kind, default=Kind.SURVEY)
    instrument = models.ForeignKey(
        InstrumentVersion,
        on_delete=models.PROTECT,
        related_name="waves",
        null=True,
        blank=True,
        help_text="None where the wave only keeps in touch.",
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.PLANNED)
    opens_at = models.DateTimeField()
    closes_at = models.DateTimeField()
    plan = models.JSONField(default=dict, help_text="The plan in force (waves/plans.py).")
    plan_number = models.PositiveSmallIntegerField(default=1, help_text="Which version of the plan that is.")
    rest_released_at = models.DateTimeField(
        null=True, blank=True, help_text="When a soft launch was followed by the rest."
    )
    in_panel = models.PositiveIntegerField(
        default=0, help_text="How many of its cohorts were in the panel when the sample was drawn."
    )
    hours_lifted = models.BooleanField(
        default=False, help_text="By a recorded decision only (StudyDecision)."
    )
    erased = models.JSONField(
        default=dict, help_text="Final dispositions of erased members' cases, as counts only."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "name"], name="one_wave_per_name"),
            models.UniqueConstraint(fields=["study", "number"], name="one_wave_per_number"),
            models.CheckConstraint(
                condition=models.Q(closes_at__gt=models.F("opens_at")), name="closes_after_opening"
            ),
        ]

    class Privacy:
        purpose = "plans a round of asking"
        retention = "as long as the study"
        classes = dict.fromkeys(
            ("id", "study", "name", "number", "kind", "instrument", "status", "opens_at", "closes_at",
            "plan", "plan_number", "rest_released_at", "in_panel", "hours_lifted", "erased"),
            "internal",
        )  # fmt: skip

    def __str__(self) -> str:
        return self.name

    @property
    def planned(self) -> Plan:
        """The plan in force."""
        return Plan.from_json(self.plan)

    @property
    def questions(self) -> InstrumentVersion:
        """What it asks; refused where it only keeps in touch."""
        if self.instrument is None:
            raise NotNow(_("This wave only keeps in touch: it asks no questions."))
        return self.instrument

    @property
    def reminder_days(self) -> list[int]:
        """Days after the invitation on which those who have not started are reminded."""
        return [step.days for step in self.planned.steps if step.kind == StepKind.REMINDER]


class PlanVersion(models.Model):
    """One version of a wave's plan. A change is proposed, its difference looked at, then applied or dropped."""

    class State(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        IN_FORCE = "in_force", _("in force")
        REPLACED = "replaced", _("replaced by a later one")
        DROPPED = "dropped", _("dropped")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    wave = models.ForeignKey(Wave, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.PROPOSED)
    opens_at = models.DateTimeField()
    closes_at = models.DateTimeField()
    instrument = models.ForeignKey(InstrumentVersion, on_delete=models.PROTECT, null=True, blank=True)
    plan = models.JSONField(default=dict)
    made_by = models.CharField(max_length=150)
    made_at = models.DateTimeField()
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["wave", "number"], name="one_plan_per_number"),
            models.UniqueConstraint(
                fields=["wave"], condition=models.Q(state="in_force"), name="one_plan_in_force"
            ),
            models.CheckConstraint(
                condition=models.Q(closes_at__gt=models.F("opens_at")), name="plan_closes_after_opening"
            ),
        ]

    class Privacy:
        purpose = "shows how a wave was planned, and what changed"
        retention = "as long as the study"
        classes = dict.fromkeys(
            ("id", "wave", "number", "state", "opens_at", "closes_at", "instrument", "plan", "made_by", "made_at",
            "decided_by", "decided_at"),
            "internal",
        )  # fmt: skip


class Case(models.Model):
    """One member in one wave. Its disposition is derived from its events (waves/dispositions.py)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    wave = models.ForeignKey(Wave, on_delete=models.CASCADE, related_name="cases")
    member = models.ForeignKey(PanelMember, on_delete=models.CASCADE, related_name="cases")
    first_batch = models.BooleanField(default=True, help_text="Not held back by the wave's soft launch.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["wave", "member"], name="one_case_per_member")]

    class Privacy:
        purpose = "follows one member through one wave"
        retention = "until erasure"
        classes = dict.fromkeys(("id", "wave", "member", "first_batch"), "internal")


class CaseEvent(models.Model):
    """What happened in a case, left by invitations, responses and rights through waves/services.py.

    Added only, except that what is taken back takes its event along: a member's stop, what staff recorded.
    `id` only keeps the order and never leaves the table.
    """

    class Kind(models.TextChoices):
        PRE_NOTIFIED = "pre_notified", _("pre-notification sent")
        INVITED = "invited", "invitation sent"
        REMINDED = "reminded", "reminder sent"
        CONTINUED = "continued", _("reminder to go on sent")
        THANKED = "thanked", _("thank-you sent")
        KEPT_IN_TOUCH = "in_touch", _("keep-in-touch letter sent")
        ASKED_INTERVIEW = "asked", _("interview request sent")
        STARTED = "started", "first page saved"
        SUFFICIENT = "sufficient", "answered enough to count as a partial"
        COMPLETED = "completed", "completed"
        BOUNCED = "bounced", "address refused"
        REFUSED = "refused", "said no to this wave"
        WITHDREW = "withdrew", "left the panel"
        NOT_SENT = "not_sent", "closed before it could be sent"
        ELIGIBILITY_LOST = "ineligible", "found not eligible"
        DIED = "died", _("has died, as staff were told")
        LANGUAGE = "language", _("speaks none of the languages it is asked in")
        UNABLE = "unable", _("could not take part, as staff were told")

    id = models.BigAutoField(primary_key=True)
    # `events_by_case` begins with it.
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="events", db_index=False)
    kind = models.CharField(max_length=12, choices=Kind)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["case", "kind"], name="events_by_case")]

    class Privacy:
        purpose = "shows the way of a case"
        retention = "until erasure"
        classes = dict.fromkeys(("id", "case", "kind", "at"), "internal")
