"""Runs that ask members to agree to new words: how far each is, by cohort; how it ends. Counts of work, exact."""

from datetime import datetime
from typing import Any

from django.contrib.admin import display
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from consent.models import Purpose
from panel.audit.rules import Actor
from panel.desk.base import DeskAdmin, Step, Words
from panel.desk.forms import Choice, DeskForm
from panel.desk.words import label, moment
from panel.members.rules import Verb
from panel.rights import reconsent
from panel.rights.models import ReconsentRun

LIFT, KEEP = "lift", "keep"


class EndForm(DeskForm):
    """What becomes of those who haven't answered is chosen, never assumed."""

    silent = Choice(
        label=_("Members who have not answered"),
        choices=[
            ("", _("Choose …")),
            (KEEP, _("go on waiting: no invitation until they answer")),
            (LIFT, _("are invited again, by what they agreed to before")),
        ],
    )


def _end(*, by: Actor, obj: ReconsentRun, now: datetime, silent: str) -> Words:
    reconsent.close(by=by, run=obj, lift=silent == LIFT, now=now)
    return _("The run is closed.")


class ReconsentAdmin(DeskAdmin[ReconsentRun]):
    """A run is begun from the page of the form it asks for."""

    path_prefix = "new-words"
    heading = _("Asking for new consent")
    see = (Verb.SEE_CONSENT,)
    detail_template = "desk/reconsent.html"
    sentence = _(
        "Who agreed to older words is asked to agree to new ones. Their invitations wait until they answer."
    )
    empty = _("No run yet. It is begun on the page of an approved consent form.")
    list_display = ("shown_form", "shown_study", "shown_state", "shown_asked", "shown_started", "shown_by")
    list_display_links = ("shown_form",)
    ordering = ("-started_at",)
    list_select_related = ("study", "form")
    steps = (
        Step[ReconsentRun](
            "end", Verb.RUN_RECONSENT, _("Close the run"),
            _("Letters that wait are not sent. Who was asked can still answer by the link they have."),
            _end, lambda run: run.closed_at is None, EndForm,
        ),
    )  # fmt: skip

    def detail(self, request: HttpRequest, obj: ReconsentRun, may: frozenset[Verb]) -> dict[str, Any]:
        found = reconsent.coverage(obj)
        return {
            "cohorts": found.cohorts,
            "gone": found.gone,
            "answered": found.total("answered"),
            "written_to": found.total("written_to"),
            "waiting": found.total("waiting"),
            "said": [(Purpose(purpose).label, yes, no) for purpose, yes, no in found.said],
            "label": _state(obj),
        }

    @display(description=_("form"), ordering="form__number")
    def shown_form(self, run: ReconsentRun) -> str:
        return str(run.form)

    @display(description=_("study"), ordering="study__name")
    def shown_study(self, run: ReconsentRun) -> str:
        return str(run.study)

    @display(description=_("asked"), ordering="asked")
    def shown_asked(self, run: ReconsentRun) -> int:
        return run.asked

    @display(description=_("begun by"), ordering="started_by")
    def shown_by(self, run: ReconsentRun) -> str:
        return run.started_by

    @display(description=_("state"), ordering="closed_at")
    def shown_state(self, run: ReconsentRun) -> str:
        return _state(run)

    @display(description=_("begun"), ordering="started_at")
    def shown_started(self, run: ReconsentRun) -> str:
        return moment(run.started_at)


def _state(run: ReconsentRun) -> str:
    if run.closed_at is None:
        return label(str(_("under way")), "info")
    words = _("closed, holds lifted") if run.lifted else _("closed, holds kept")
    return label(str(words), "")
