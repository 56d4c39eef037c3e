"""What a recruitment file leaves behind in `default`: runs, coded wave-0 answers, sealed staged uploads; and
new addresses on their way.

No clear address and no name; those go to the vault. Releases read `RecruitmentRecord` from here.
"""

import uuid

from django.db import models

from panel.members.models import PanelMember, Study


class EnrolmentRun(models.Model):
    """One file that was enrolled, with its counts."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="enrolment_runs")
    rows = models.PositiveIntegerField()
    wave0_answers = models.PositiveIntegerField()
    outcome = models.JSONField()
    by = models.CharField(max_length=150)
    at = models.DateTimeField()

    class Privacy:
        purpose = "accounts for each file"
        retention = "as long as the study"
        classes = dict.fromkeys(("id", "study", "rows", "wave0_answers", "outcome", "by", "at"), "internal")


class RecruitmentRecord(models.Model):
    """Coded wave-0 answers of one adult, with the declared background; a member's or nobody's.

    `fingerprint` is a keyed hash of the row, so that the same file enrolled again stores nothing new; its key
    is destroyed with the link key.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="recruitment_records")
    member = models.OneToOneField(
        PanelMember, on_delete=models.SET_NULL, null=True, blank=True, related_name="recruitment_record"
    )
    cohort = models.CharField(max_length=40)
    language = models.CharField(max_length=10)
    answers = models.JSONField(help_text="Item -> code; items and their classes stand in Study.recruitment.")
    fingerprint = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study", "fingerprint"], name="one_record_per_row")]

    class Privacy:
        purpose = "the study's first answers and the background of its members"
        retention = "coded answers stay; a member's go with an erasure"
        classes = {
            **dict.fromkeys(("id", "study", "member", "cohort", "fingerprint"), "internal"),
            "language": "quasi-identifier",
            "answers": "quasi-identifier",
        }


class ErasedRow(models.Model):
    """The keyed hash of a row whose person had everything deleted, so that the same file brings nobody back.

    A file stays with the institution after an erasure. Nothing else is kept, and no member: whoever lacks the
    row learns nothing here. The key of the hash is destroyed with the link key at project end.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="erased_rows")
    fingerprint = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study", "fingerprint"], name="one_erased_row")]

    class Privacy:
        purpose = "an erased person is not enrolled again by the same file"
        retention = "as long as the study; says nothing once the key is destroyed with the link key"
        classes = dict.fromkeys(("id", "study", "fingerprint"), "internal")


class StagedFile(models.Model):
    """An upload between preview and admission: sealed, for one hour, never on disk in clear (ZON-06)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="staged_files")
    by = models.CharField(max_length=150)
    suffix = models.CharField(max_length=8)
    sealed = models.BinaryField()
    expires_at = models.DateTimeField()

    class Privacy:
        purpose = "lets a person look before admitting a file"
        retention = "one hour"
        classes = {
            **dict.fromkeys(("id", "study", "by", "suffix", "expires_at"), "internal"),
            "sealed": "direct identifier",
        }


class IntakeKey(models.Model):
    """A public key that new addresses are sealed to where no card can be opened. Its private part is a root in
    the keystore, so only a worker opens what was sealed; an older one goes once nothing sealed to it is left.
    """

    version = models.PositiveIntegerField(primary_key=True)
    public = models.BinaryField(max_length=32)
    made_on = models.DateField()

    class Privacy:
        purpose = "takes in addresses in a process that can open none"
        retention = "until a newer one is there and nothing waits that was sealed to it"
        classes = dict.fromkeys(("version", "public", "made_on"), "internal")


class NewAddress(models.Model):
    """An address a member gave, sealed to an intake key, until it is confirmed and stands in the card.

    Its id is that of the request it belongs to, and part of the seal: it opens in no other row.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    member = models.ForeignKey(PanelMember, on_delete=models.CASCADE, related_name="new_addresses")
    key = models.ForeignKey(IntakeKey, on_delete=models.PROTECT, related_name="addresses")
    sealed = models.BinaryField()

    class Privacy:
        purpose = "keeps a new address until it is confirmed there"
        retention = (
            "seven days, ten where it is confirmed but can't be carried out, or until the change is stopped"
        )
        classes = {**dict.fromkeys(("id", "member", "key"), "internal"), "sealed": "direct identifier"}
