"""How cohorts were recruited, told on the study's page: what a rate of the whole panel needs. Counts only."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from panel.audit.rules import Actor
from panel.desk.base import Step, Words
from panel.desk.forms import Choice, DeskForm, Number, Text
from panel.members import cohorts
from panel.members.models import Study
from panel.members.rules import Verb

OPEN, ASKED = "open", "asked"


class CohortForm(DeskForm):
    """One cohort; how many answered and joined is known from its files."""

    name = Text(label=_("Cohort"), max_length=40, help_text=_("As it stands under “Cohorts”."))
    how = Choice(
        label=_("Recruitment"),
        choices=[(OPEN, _("Open: whoever met the call could join")), (ASKED, _("So many people were asked"))],
    )
    approached = Number(
        label=_("How many"),
        required=False,
        min_value=1,
        help_text=_("Who were asked; of an open call, who began to answer, if that is known."),
    )


def _describe(*, by: Actor, obj: Study, now: Any, name: str, how: str, approached: int | None) -> Words:
    cohorts.describe(by=by, study=obj, name=name, is_open=how == OPEN, approached=approached, now=now)
    return _("Saved. Rates from the recruitment on are worked out from it.")


STEP = Step[Study](
    "cohort",
    Verb.EDIT_STUDY,
    _("Say how a cohort was recruited"),
    _("A response rate is worked out only where people were asked, and it is known how many."),
    _describe,
    fits=lambda study: study.cohorts.exists(),
    form=CohortForm,
)
