"""The forms over the whole outbox of a study: decide on all in doubt, try failed ones again, pause, go on."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from panel.desk.forms import Choice, LongText, StudyForm, Text
from panel.desk.words import REASONS
from panel.invitations import rules
from panel.invitations.rules import Reason
from panel.waves.models import Wave

AGAIN, AS_SENT = "again", "as_sent"
FAULTS = (Reason.LEASE_LOST, Reason.LINE_BROKE)


class DoubtForm(StudyForm):
    """One decision for the doubtful letters of a study, all or those of one wave or one fault."""

    wave = Choice(label=_("Wave"), required=False)
    fault = Choice(
        label=_("What happened"),
        required=False,
        choices=[("", _("whatever happened")), *((fault.value, REASONS[fault]) for fault in FAULTS)],
    )
    decision = Choice(
        label=_("Decision"),
        choices=[(AS_SENT, _("Take them all as sent")), (AGAIN, _("Send them all again"))],
    )
    reason = Text(
        label=_("Reason"), max_length=1000, help_text=_("As: the mail server's log shows none of them.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        waves = Wave.objects.filter(study__in=kwargs["studies"]).order_by("-opens_at")
        named = [(str(pk), name) for pk, name in waves.values_list("pk", "name")]
        self.fields["wave"].choices = [("", _("all waves and receipts")), *named]  # type: ignore[attr-defined]


class FailedForm(StudyForm):
    """Letters that failed for one reason."""

    failed = Choice(
        label=_("Failed because"),
        choices=[(one.value, REASONS[one]) for one in Reason if one in rules.WORTH_ANOTHER_TRY],
    )
    reason = Text(label=_("Reason"), max_length=1000, help_text=_("As: the provider lifted its block."))


class PauseForm(StudyForm):
    """Why everything stops."""

    reason = LongText(
        label=_("Reason"), first=True, help_text=_("Everybody who works in the study reads it.")
    )
