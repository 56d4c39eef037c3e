"""A study's limits on letters and its days of silence: shown on its page, changed there. The rules are elsewhere."""

from typing import Any

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from panel.audit.rules import Actor
from panel.desk.base import Step, Words
from panel.desk.forms import Choice, DeskForm, LongText, Number, ReasonForm, Text
from panel.errors import NotNow
from panel.invitations import study_limits
from panel.invitations.limits import STRICT
from panel.invitations.study_limits import LIMITS
from panel.members.models import SilentDay, Study
from panel.members.rules import Verb


class LimitForm(DeskForm):
    """One limit."""

    limit = Choice(label=_("Limit"), choices=[(name, one.name) for name, one in LIMITS.items()])
    value = Number(label=_("Number"), min_value=0)
    reason = LongText(
        label=_("Reason"),
        required=False,
        help_text=_("Needed where members get more letters, or sooner, than by the strict default."),
    )


class DayForm(DeskForm):
    """One more day of silence."""

    day = Number(label=_("Day"), min_value=1, max_value=31)
    month = Number(label=_("Month"), min_value=1, max_value=12)
    year = Number(
        label=_("Year"), required=False, min_value=2000, max_value=2100, help_text=_("Blank: each year.")
    )
    name = Text(label=_("What day it is"), max_length=120)


class DayOutForm(ReasonForm):
    """A day of silence on which letters shall go."""

    day = Choice(label=_("Day"))
    field_order = ("day", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["day"].choices = self.initial["days"]  # type: ignore[attr-defined]


def shown(study: Study) -> dict[str, Any]:
    """What the study's page shows."""
    limits = [
        {"name": one.name, "value": getattr(study, name), "strict": getattr(STRICT, name)}
        for name, one in LIMITS.items()
    ]
    return {
        "limits": limits,
        "silent_days": [{"day": _day(one), "name": one.name} for one in _days(study)],
    }


def _days(study: Study) -> list[SilentDay]:
    return list(study.silent_days.order_by("month", "day", "year"))


def _day(one: SilentDay) -> str | Promise:
    day = study_limits.day_of(one)
    return date_format(day, "DATE_FORMAT") if one.year else date_format(day, "MONTH_DAY_FORMAT")


def _set(*, by: Actor, obj: Study, now: Any, limit: str, value: int, reason: str) -> Words:
    study_limits.set_limit(by=by, study=obj, limit=limit, value=value, reason=reason, now=now)
    return _("Saved. Letters that wait are looked at again.")


def _add(*, by: Actor, obj: Study, now: Any, day: int, month: int, year: int | None, name: str) -> Words:
    study_limits.add_silent_day(by=by, study=obj, day=day, month=month, year=year, name=name, now=now)
    return _("Nobody is written to on that day.")


def _take_out(*, by: Actor, obj: Study, now: Any, day: str, reason: str) -> Words:
    one = obj.silent_days.filter(pk=day).first()
    if one is None:
        raise NotNow(_("This day was taken out already."))
    study_limits.remove_silent_day(by=by, silent_day=one, reason=reason, now=now)
    return _("Letters may go on that day.")


STEPS = (
    Step[Study](
        "limit",
        Verb.DECIDE_SETTING,
        _("Change a limit on letters"),
        _("Fewer letters at will; more only with a reason, which stays on the study’s page."),
        _set,
        form=LimitForm,
    ),
    Step[Study](
        "silent-day",
        Verb.DECIDE_SETTING,
        _("Add a day of silence"),
        _(
            "Letters about surveys wait until the day after. What members ask for themselves is sent all the same."
        ),
        _add,
        form=DayForm,
    ),
    Step[Study](
        "silent-day-out",
        Verb.DECIDE_SETTING,
        _("Take out a day of silence"),
        _("Letters go on that day again. The reason stays on the study’s page."),
        _take_out,
        fits=lambda study: study.silent_days.exists(),
        form=DayOutForm,
        initial=lambda study: {"days": [(str(one.pk), f"{_day(one)}: {one.name}") for one in _days(study)]},
    ),
)
