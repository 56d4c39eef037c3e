"""Studies, panel members, holds and staff roles. No address, no answer, no decision on what may be sent."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from panel.members.silence_models import SilentDay as SilentDay


class LegalBasis(models.TextChoices):
    """Of processing (GDPR 6). The first gives portability, the second objection (LAW-11)."""

    CONSENT = "consent", _("consent")
    PUBLIC_INTEREST = "public_interest", _("public interest")


class Study(models.Model):
    """A panel study. What differs between studies is data here, never code."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.UUIDField(
        unique=True, default=uuid.uuid4, editable=False, help_text="How the consent ledger knows it."
    )
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    institution = models.CharField(max_length=120)
    public_name = models.CharField(
        max_length=120, help_text="Stands in letters and pages; says nothing of the topic."
    )
    contact_email = models.EmailField(help_text="Whom a member can ask; also the letters' Reply-To.")
    how_to_check = models.TextField(
        blank=True, help_text="How a member can check that a letter is real, per language (JSON)."
    )
    default_language = models.CharField(max_length=10, default="uk")
    languages = models.JSONField(default=list)
    recruitment = models.JSONField(
        default=dict, help_text="Column mapping of recruitment files and its rules."
    )
    disclosure = models.JSONField(
        default=dict, help_text="Hierarchies, thresholds, residency places of this study."
    )
    phone_channel = models.BooleanField(default=False)
    minors_allowed = models.BooleanField(default=False)
    reminders_max = models.PositiveSmallIntegerField(default=2)
    reminder_gap_days = models.PositiveSmallIntegerField(default=7)
    mails_max = models.PositiveSmallIntegerField(
        default=6, help_text="Survey letters to one person in `mails_days`, of all studies together."
    )
    mails_days = models.PositiveSmallIntegerField(default=180)
    wave_gap_days = models.PositiveSmallIntegerField(default=90, help_text="Between survey waves.")
    retention_until = models.DateField(
        null=True, blank=True, help_text="The date in the letter: contact data go then."
    )
    legal_basis = models.CharField(max_length=16, choices=LegalBasis, default=LegalBasis.CONSENT)
    sikt_reference = models.CharField(max_length=40, blank=True)
    sikt_assessed_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(
        null=True, blank=True, help_text="The project's end as it was told to members."
    )
    dpo_contact = models.EmailField(blank=True, help_text="The institution's data-protection officer.")
    ended_at = models.DateTimeField(
        null=True, blank=True, help_text="When the project's end was carried out."
    )

    class Meta:
        verbose_name_plural = "studies"

    class Privacy:
        purpose = "describes a study"
        retention = "as long as the study"
        classes = dict.fromkeys(
            (
                "id", "key", "slug", "name", "institution", "public_name", "contact_email", "how_to_check",
                "default_language", "languages", "recruitment", "disclosure", "phone_channel",
                "minors_allowed", "reminders_max", "reminder_gap_days", "mails_max", "mails_days",
                "wave_gap_days", "retention_until", "legal_basis",
                "sikt_reference", "sikt_assessed_on", "ends_on", "dpo_contact", "ended_at",
            ),
            "internal",
        )  # fmt: skip

    def __str__(self) -> str:
        return self.name


class StudyDecision(models.Model):
    """A recorded decision to leave a strict default: who, when, why."""

    class Setting(models.TextChoices):
        COORDINATOR_OPENS_CARDS = "coordinator_opens_cards", _("coordinator and contact keeper in one person")
        HOURS_LIFTED = "hours_lifted", _("letters at any hour, for one wave")
        MINORS = "minors_allowed", _("minors take part")
        PHONE_CHANNEL = "phone_channel", _("links passed on by telephone, answers keyed in by staff")
        DPIA = "dpia", _("whether a data-protection impact assessment is needed, and what it found")
        REMINDERS_MAX = "reminders_max", _("more reminders in a wave")
        REMINDER_GAP_DAYS = "reminder_gap_days", _("fewer days between reminders")
        MAILS_MAX = "mails_max", _("more letters to one person")
        MAILS_DAYS = "mails_days", _("letters to one person counted over fewer days")
        WAVE_GAP_DAYS = "wave_gap_days", _("fewer days between survey waves")
        SILENT_DAY = "silent_day", _("letters on a day of silence")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="decisions")
    setting = models.CharField(max_length=30, choices=Setting)
    about = models.CharField(max_length=80, blank=True, help_text="The wave it is for, where it is for one.")
    reason = models.TextField()
    decided_by = models.CharField(max_length=150)
    decided_at = models.DateTimeField()

    class Privacy:
        purpose = "shows who left a strict default, and why"
        retention = "as long as the study"
        classes = dict.fromkeys(
            ("id", "study", "setting", "about", "reason", "decided_by", "decided_at"), "internal"
        )


class Cohort(models.Model):
    """How the members of one cohort were found, as counts: what the rates of the whole way are worked out from.

    An erasure takes nobody out of them, so that a rate that was reported stays true.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="cohorts")
    name = models.CharField(max_length=40)
    is_open = models.BooleanField(
        default=True, help_text="Whoever met the call could join: then there is no response rate."
    )
    approached = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="How many were asked to join; of an open call, how many began to answer.",
    )
    answered = models.PositiveIntegerField(default=0, help_text="Answers of the recruitment, from its files.")
    joined = models.PositiveIntegerField(default=0, help_text="Of those, who became members.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study", "name"], name="one_cohort_per_name")]

    class Privacy:
        purpose = "tells what a rate of the whole panel is a rate of"
        retention = "as long as the study"
        classes = dict.fromkeys(
            ("id", "study", "name", "is_open", "approached", "answered", "joined"), "internal"
        )

    def __str__(self) -> str:
        return self.name


class StaffRole(models.Model):
    """What a staff user is in one study (ZON-04). What each role may do stands in members/rules.py."""

    class Role(models.TextChoices):
        LEADER = "leader", _("project leader")
        COORDINATOR = "coordinator", _("coordinator")
        KEEPER = "keeper", _("contact keeper")
        INTERVIEWER = "interviewer", _("interviewer")
        RESEARCHER = "researcher", _("researcher")
        REVIEWER = "reviewer", _("reviewer")
        DPO = "dpo", _("data-protection officer")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="panel_roles")
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="staff")
    role = models.CharField(max_length=12, choices=Role)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "study", "role"], name="one_role_once")]

    class Privacy:
        purpose = "says who may do what"
        retention = "as long as the study"
        classes = dict.fromkeys(("id", "user", "study", "role"), "internal")


class MemberQuerySet(models.QuerySet["PanelMember"]):
    """Named filters."""

    def usable(self) -> "MemberQuerySet":
        """Members whose answers may stand in files and counts of answers.

        Not who asked for deletion, for all use stopped then (LAW-06), and not who is held (LAW-10). Who only
        waits for new words to agree to has not taken back what they said to the old ones.
        """
        return self.exclude(status=PanelMember.Status.DELETING).exclude(pk__in=_held())

    def open_to_letters(self) -> "MemberQuerySet":
        """Members who can be reached and want letters, and whom no right keeps out of them."""
        wanted = self.filter(status=PanelMember.Status.ACTIVE, mail_stopped=False, unreachable=False)
        return wanted.exclude(pk__in=_held())


def _held() -> models.QuerySet[Any, Any]:
    """Members under a hold; but for those who only wait for new words to agree to."""
    return Hold.objects.filter(lifted_at=None).exclude(kind=Hold.Kind.RECONSENT).values("member")


class PanelMember(models.Model):
    """One person in one study, known by code alone."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("active")
        LEFT = "left", _("left the panel, coded answers kept")
        DELETING = "deleting", _("leaves the panel, deletion waits its days")

    class Place(models.TextChoices):
        """What the last reviewed residency says, left here for samples (panel/residency decides)."""

        IN_NORWAY = "in_norway", _("in Norway")
        RETURNED = "returned", _("returned to Ukraine")
        MOVED_ON = "moved_on", _("moved on to another country")
        AWAY = "away", _("temporarily away or back and forth")
        NOT_SAID = "not_said", _("prefers not to say")
        UNKNOWN = "unknown", _("unknown")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="members")
    code = models.CharField(max_length=12, unique=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    cohort = models.CharField(max_length=40)
    language = models.CharField(max_length=10)
    place = models.CharField(max_length=12, choices=Place, default=Place.UNKNOWN)
    mail_stopped = models.BooleanField(
        default=False, help_text="No more survey mail, until the member changes it."
    )
    paused_until = models.DateField(null=True, blank=True)
    hours_from = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="The hour from which letters may come, in Norway; none: as for everybody.",
    )
    hours_until = models.PositiveSmallIntegerField(null=True, blank=True)
    person = models.UUIDField(
        null=True,
        blank=True,
        db_index=True,
        help_text="Same for one person in several studies, whose letters are counted together; else none.",
    )
    shared_address = models.UUIDField(
        null=True, blank=True, db_index=True, help_text="Same for members of one address."
    )
    unreachable = models.BooleanField(
        default=False, help_text="The address was refused; never evidence of leaving."
    )
    address_since = models.DateField(
        null=True, blank=True, help_text="Letters that came back before this day tell nothing of the address."
    )
    joined_on = models.DateField()

    objects = MemberQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["study", "status", "cohort"], name="members_by_cohort")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(hours_from=None, hours_until=None)
                | models.Q(
                    hours_from__gte=7, hours_until__lte=22, hours_until__gte=models.F("hours_from") + 3
                ),
                name="three_hours_by_day_at_least",
            )
        ]

    class Privacy:
        purpose = "follows a consented person over the waves"
        retention = "until erasure, or coarsened at project end"
        classes = {
            **dict.fromkeys(
                ("id", "study", "code", "status", "cohort", "mail_stopped", "paused_until", "person",
                 "shared_address", "unreachable", "address_since", "joined_on"),
                "internal",
            ),
            "hours_from": "quasi-identifier",
            "hours_until": "quasi-identifier",
            "language": "quasi-identifier",
            "place": "sensitive",
        }  # fmt: skip

    def __str__(self) -> str:
        return self.code


class Hold(models.Model):
    """Freezes mails, edits and releases of a member for rights, survey mail alone for re-consent.

    Never for having left.
    """

    class Kind(models.TextChoices):
        RESTRICTION = "restriction", _("restriction of processing")
        SUPPRESSION = "suppression", _("never contact again")
        RECONSENT = "reconsent", _("waits for a new consent")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    member = models.ForeignKey(PanelMember, on_delete=models.CASCADE, related_name="holds")
    kind = models.CharField(max_length=12, choices=Kind)
    reason = models.TextField()
    since = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Privacy:
        purpose = "keeps a person out of mails and files while a right is dealt with"
        retention = "until erasure"
        classes = dict.fromkeys(("id", "member", "kind", "reason", "since", "lifted_at"), "internal")
