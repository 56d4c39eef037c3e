"""The forms of a wave's plan: a row for each letter, whom it asks, a soft launch. What may be is waves/rules.py's.

A fixed number of rows, so that nothing needs a script: what isn't filled in is no step.
"""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.forms import BoundField
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from panel.desk.forms import Choice, DeskForm, Moment, Number, StudyForm, Text
from panel.errors import BadInput
from panel.instruments.models import InstrumentVersion
from panel.invitations.models import Letter
from panel.members.models import PanelMember, Study
from panel.waves.models import Wave
from panel.waves.plans import Condition, Plan, StepKind, usual_plan

ROWS = 8
NEWEST = ("", _("the newest approved"))
PARTS = ("kind", "days", "to", "letter")


class StepRows(DeskForm):
    """A plan's letters, sample and soft launch, as fields; read back as a Plan."""

    cohorts = Text(
        label=_("Cohorts"),
        required=False,
        help_text=_("As 2022, 2024. Empty: all. One alone makes a refreshment wave."),
    )
    languages = Text(label=_("Languages"), required=False, help_text=_("As uk, ru. Empty: all."))
    places = forms.MultipleChoiceField(
        label=_("Only who lives"),
        required=False,
        choices=PanelMember.Place.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_(
            "None ticked: wherever people live. Whoever left stays in the sample unless you choose here."
        ),
    )
    only = Text(
        label=_("Only those who"), required=False,
        help_text=_("What happened to them in an earlier wave, as 2023:completed. Several: all of them."),
    )  # fmt: skip
    but = Text(label=_("Not those who"), required=False, help_text=_("As 2023:refused, 2023:withdrew."))
    at_most = Number(
        label=_("By lot"), required=False, min_value=1, help_text=_("So many of them, as for a pilot.")
    )
    first = Number(
        label=_("Soft launch: how many first"),
        required=False,
        min_value=1,
        help_text=_("Empty: all at once."),
    )
    first_days = Number(label=_("The rest after days"), required=False, min_value=1, initial=2)
    first_limit = Number(
        label=_("… unless more fail than, in per cent"), required=False, min_value=0, max_value=100, initial=5,
        help_text=_("Letters that bounced or could not be sent. Above it the rest waits for a person."),
    )  # fmt: skip

    def add_rows(self, letters: Sequence[Letter]) -> None:
        """A row of fields for each letter there can be."""
        known = [(str(one.pk), str(one)) for one in letters]
        for number in range(1, ROWS + 1):
            self.fields[f"step{number}_kind"] = Choice(
                label=_("Letter"), required=False, choices=[("", "–"), *StepKind.choices]
            )
            self.fields[f"step{number}_days"] = Number(label=_("Days"), required=False)
            self.fields[f"step{number}_to"] = Choice(
                label=_("To"), required=False, choices=[("", _("the usual")), *Condition.choices]
            )
            self.fields[f"step{number}_letter"] = Choice(
                label=_("Version"), required=False, choices=[NEWEST, *known]
            )

            for part in PARTS:  # eight rows have the same labels: a reader's voice says which one
                field = self.fields[f"step{number}_{part}"]
                field.widget.attrs["aria-label"] = f"{field.label} {number}"

    def rows(self) -> list[list[BoundField]]:
        """The rows of letters, for the page's table."""
        return [[self[f"step{number}_{part}"] for part in PARTS] for number in range(1, ROWS + 1)]

    def plain(self) -> list[BoundField]:
        """What comes before the letters."""
        return [self[name] for name in self.head]

    def whom(self) -> list[BoundField]:
        """Whom it asks, and in which order."""
        return [self[name] for name in StepRows.base_fields]

    head: Sequence[str] = ()

    def steps(self) -> list[dict[str, Any]]:
        """The rows that are filled in."""
        given = self.cleaned_data
        rows = [{part: given[f"step{number}_{part}"] for part in PARTS} for number in range(1, ROWS + 1)]
        return [row for row in rows if row["kind"]]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        for number in range(1, ROWS + 1):
            if given.get(f"step{number}_kind") and given.get(f"step{number}_days") is None:
                self.add_error(f"step{number}_days", gettext("Say on which day."))
        if not self.errors:
            try:
                given["plan"] = self.asked()
            except BadInput as refusal:
                raise forms.ValidationError(str(refusal)) from refusal
        return given

    def asked(self) -> Plan:
        """The plan that is filled in."""
        return self.plan(self.steps())

    def plan(self, steps: Sequence[dict[str, Any]]) -> Plan:
        """What is filled in, as a plan; BadInput where it is none."""
        given = self.cleaned_data
        soft = {
            "first": given["first"],
            "days": given["first_days"] or 2,
            "limit": (5 if given["first_limit"] is None else given["first_limit"]) / 100,
        }
        return Plan.from_json(
            {
                "steps": steps,
                "sample": {
                    "cohorts": _list(given["cohorts"]),
                    "languages": _list(given["languages"]),
                    "places": given["places"],
                    "only": [_earlier(one) for one in _list(given["only"])],
                    "but": [_earlier(one) for one in _list(given["but"])],
                    "at_most": given["at_most"],
                },
                "soft_launch": soft if given["first"] else None,
            }
        )


def _list(text: str) -> list[str]:
    return [one for one in text.replace(",", " ").split() if one]


def _earlier(text: str) -> dict[str, str]:
    wave, _colon, event = text.partition(":")
    return {"wave": wave, "event": event}


class PlanForm(StepRows, StudyForm):
    """A new wave, before anybody is drawn."""

    name = Text(label=_("Name"), help_text=_("Short, as 2024. It stands in no letter."), max_length=40)
    number = Number(label=_("Number"), min_value=1, help_text=_("Wave 0 was the recruitment."))
    kind = Choice(label=_("Kind"), choices=Wave.Kind.choices, required=False, initial=Wave.Kind.SURVEY)
    instrument = forms.ModelChoiceField(
        label=_("Questionnaire"),
        queryset=InstrumentVersion.objects.none(),
        widget=Choice.widget,
        required=False,
        empty_label=_("none: it only keeps in touch"),
    )
    opens_at = Moment(label=_("Opens"), help_text=_("Norwegian time."))
    closes_at = Moment(label=_("Closes"))
    reminder_days = Text(
        label=_("Reminders"),
        required=False,
        initial="7, 14",
        help_text=_(
            "Days after the invitation, as 7, 14: an invitation at the opening, and on each of these days a "
            "reminder, with other words for who stopped halfway. Or say each letter below."
        ),
    )
    head = ("study", "name", "number", "kind", "instrument", "opens_at", "closes_at", "reminder_days")

    def __init__(self, *args: Any, studies: QuerySet[Study], **kwargs: Any) -> None:
        super().__init__(*args, studies=studies, **kwargs)
        _only_approved(self, studies)
        self.add_rows(_letters(studies))

    def clean_name(self) -> str:
        return str(forms.SlugField().clean(self.cleaned_data["name"]))

    def clean_kind(self) -> Wave.Kind:
        return Wave.Kind(self.cleaned_data["kind"] or Wave.Kind.SURVEY)

    def clean_reminder_days(self) -> Sequence[int]:
        try:
            return [int(day) for day in self.cleaned_data["reminder_days"].replace(",", " ").split()]
        except ValueError as error:
            raise forms.ValidationError(gettext("Write days as numbers, as 7, 14.")) from error

    def asked(self) -> Plan:
        """The letters that are said one by one, else the usual ones."""
        usual = usual_plan(reminder_days=self.cleaned_data["reminder_days"]).as_json()["steps"]
        return self.plan(self.steps() or usual)


class ChangeForm(StepRows):
    """A changed plan of a wave there is; it begins as the plan in force."""

    opens_at = Moment(label=_("Opens"), help_text=_("Norwegian time."))
    closes_at = Moment(label=_("Closes"))
    instrument = forms.ModelChoiceField(
        label=_("Questionnaire"),
        queryset=InstrumentVersion.objects.none(),
        widget=Choice.widget,
        required=False,
        empty_label=None,
        help_text=_("It can be changed until somebody begins to answer."),
    )
    head: Sequence[str] = ("opens_at", "closes_at", "instrument")

    def __init__(self, data: Any = None, *, wave: Wave) -> None:
        super().__init__(data, initial=_as_fields(wave))
        studies = Study.objects.filter(pk=wave.study_id)
        _only_approved(self, studies)
        if wave.instrument_id is None:
            del self.fields["instrument"]
            self.head = ("opens_at", "closes_at")
        self.add_rows(_letters(studies))


def _only_approved(form: forms.Form, studies: QuerySet[Study]) -> None:
    approved = InstrumentVersion.objects.filter(
        instrument__study__in=studies, status=InstrumentVersion.Status.APPROVED
    )
    form.fields["instrument"].queryset = approved.select_related("instrument")  # type: ignore[attr-defined]


def _letters(studies: QuerySet[Study]) -> list[Letter]:
    """Versions that a step can name."""
    found = Letter.objects.filter(study__in=studies, kind__in=StepKind.values, state=Letter.State.APPROVED)
    return list(found.order_by("kind", "name", "-version"))


def _as_fields(wave: Wave) -> dict[str, Any]:
    """The plan in force as the form's fields have it."""
    plan = wave.planned
    soft, sample = plan.soft_launch, plan.sample
    given: dict[str, Any] = {
        "opens_at": _local(wave.opens_at),
        "closes_at": _local(wave.closes_at),
        "instrument": wave.instrument_id,
        "cohorts": ", ".join(sample.cohorts),
        "languages": ", ".join(sample.languages),
        "places": list(sample.places),
        "only": ", ".join(f"{one.wave}:{one.event}" for one in sample.only),
        "but": ", ".join(f"{one.wave}:{one.event}" for one in sample.but),
        "at_most": sample.at_most,
        "first": soft.first if soft else None,
        "first_days": soft.days if soft else 2,
        "first_limit": round(soft.limit * 100) if soft else 5,
    }
    for number, step in enumerate(plan.steps, start=1):
        for part in PARTS:
            value = getattr(step, part)
            given[f"step{number}_{part}"] = getattr(value, "value", value)
    return given


def _local(moment: Any) -> str:
    return f"{localtime(moment):%Y-%m-%dT%H:%M}"
