"""Reads what a release is made of: coded answers, declared background, reasons for leaving. Writes nothing.

Leaves out members under a hold and those who wait for their deletion (LAW-06, LAW-10); no id goes further
than the join that happens here.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from panel.enrolment.models import RecruitmentRecord
from panel.errors import NotNow
from panel.instruments.coding import CHOSEN, columns_of
from panel.instruments.questionnaire import Choice, Item, Questionnaire
from panel.instruments.selectors import questionnaire
from panel.members.models import PanelMember, Study
from panel.missing import Missing
from panel.releases import variables
from panel.releases.intervals import Group
from panel.releases.tables import Leaver, Option
from panel.releases.variables import Variable
from panel.responses import selectors as responses
from panel.waves.models import Wave

NOT_ASKED = str(Missing.NOT_ASKED.value)
OFFERED_TO = "gj_offered_to"


def microdata(study: Study, wave: Wave | None) -> tuple[list[Variable], list[dict[str, str]]]:
    """Variables and rows of one wave, before anything is coarsened."""
    return _recruitment(study) if wave is None else _wave(study, wave)


def _recruitment(study: Study) -> tuple[list[Variable], list[dict[str, str]]]:
    """Wave 0: all coded records of the recruitment files, members' and others'."""
    found = variables.of_recruitment(study.recruitment, study.disclosure)
    usable = PanelMember.objects.filter(study=study).usable()
    records = RecruitmentRecord.objects.filter(Q(member=None) | Q(member__in=usable), study=study)
    names = [each.name for each in found]
    answers = records.values_list("answers", flat=True).iterator(chunk_size=2000)
    return found, [{name: str(given.get(name, NOT_ASKED)) for name in names} for given in answers]


def _wave(study: Study, wave: Wave) -> tuple[list[Variable], list[dict[str, str]]]:
    """A wave's completed questionnaires beside the declared background of wave 0."""
    own = variables.of_form(questionnaire(wave.questions), study.disclosure)
    background = variables.background(study.recruitment, study.disclosure)
    records = _backgrounds(study) if background else {}
    rows = []
    for row in responses.coded_rows(wave):
        told = records.get(row.member, {})
        known = {each.name: str(told.get(item, NOT_ASKED)) for item, each in background.items()}
        rows.append(known | {each.name: str(row.values[each.name]) for each in own})
    return [*background.values(), *own], rows


def _backgrounds(study: Study) -> dict[UUID, Mapping[str, str]]:
    found = RecruitmentRecord.objects.filter(study=study, member__isnull=False)
    return dict(found.values_list("member", "answers").iterator(chunk_size=2000))


def has_reasons(wave: Wave) -> bool:
    """Whether the wave's form asks for reasons for leaving at all."""
    return bool(questionnaire(wave.questions).reason_items())


def reasons(wave: Wave) -> tuple[list[Option], list[Leaver]]:
    """The options of the questions on reasons, and what those said who answered one."""
    form = questionnaire(wave.questions)
    items = form.reason_items()
    status = next((each for each in form.items() if each.residency == "status"), None)
    if not items or status is None:
        raise NotNow(_("The questionnaire of this wave doesn't ask for reasons for leaving."))
    columns = [column for item in items for column in columns_of(form, item)]
    leavers = []
    for row in responses.coded_rows(wave):
        ticks = [(column.option, row.values[column.name]) for column in columns]
        place = str(row.values[status.name])
        if place in (Group.RETURNED, Group.MOVED_ON) and _answered(tick for _code, tick in ticks):
            chosen = frozenset(code for code, tick in ticks if tick == CHOSEN)
            leavers.append(Leaver(Group(place), chosen))
    return _options(form, items), leavers


def _answered(ticks: Iterable[object]) -> bool:
    """Whether somebody said anything: of a refused or skipped question each offered option is missing."""
    return any(isinstance(tick, int) and tick >= 0 for tick in ticks)


def _options(form: Questionnaire, items: Iterable[Item]) -> list[Option]:
    """One option a code; wording variants for different groups are one (RES-06)."""
    variants: dict[str, list[Choice]] = {}
    for choice in (choice for item in items for choice in form.options(item)):
        if not choice.refusal:
            variants.setdefault(choice.code, []).append(choice)
    return [
        Option(code, choices[0].labels.get("en", code), _asked_of(choices), choices[0].factor or "other")
        for code, choices in variants.items()
    ]


def _asked_of(choices: Iterable[Choice]) -> Group:
    """Whom the variants are offered to, together; an option without a filter is for all."""
    offered = {group for choice in choices for group in choice.columns.get(OFFERED_TO, "").split()}
    groups = offered & {Group.RETURNED.value, Group.MOVED_ON.value}
    return Group(groups.pop()) if len(groups) == 1 else Group.ALL
