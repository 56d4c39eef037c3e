"""A wave's plan at the desk: in words with its versions, run dry, changed, and the steps that follow from it.

Lists are by code and exact, for who works with codes (NEV-10); where a sample was drawn by where people live, codes
are shown to who reviews residency flags only (ZON-04).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django import forms
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from panel import clock
from panel.audit.rules import Actor
from panel.desk import charts, guard
from panel.desk.base import DeskAdmin, Step, Words, carry_out
from panel.desk.forms import DeskForm, Moment, ReasonForm
from panel.desk.plan_forms import ChangeForm
from panel.desk.words import REASONS
from panel.errors import NotAllowed, NotNow
from panel.invitations import differences, dry_run, planning, soft_launch
from panel.invitations.alike import Draft
from panel.invitations.differences import Change, Difference
from panel.invitations.dry_run import Forecast
from panel.members import permissions
from panel.members.rules import Verb
from panel.waves import plan_changes, sampling, services
from panel.waves.models import PlanVersion, Wave
from panel.waves.plans import Plan
from panel.waves.rules import NotDrawn

Status = Wave.Status
SEE = (Verb.PLAN_WAVE, Verb.APPROVE_WAVE)
PER_PAGE = 100


# --- steps


class VersionForm(DeskForm):
    """Which version was looked at: another one isn't decided on by mistake."""

    version = forms.UUIDField(widget=forms.HiddenInput())


class CloseForm(DeskForm):
    """A later close."""

    closes_at = Moment(label=_("Closes"), help_text=_("Norwegian time. Links answer until then."))


def proposed(wave: Wave) -> PlanVersion | None:
    """The change that waits for a decision."""
    return PlanVersion.objects.filter(wave=wave, state=PlanVersion.State.PROPOSED).order_by("-number").first()


def _version(wave: Wave, pk: UUID) -> PlanVersion:
    found = PlanVersion.objects.filter(wave=wave, pk=pk).select_related("wave__study").first()
    if found is None:
        raise NotNow(_("This change was applied or dropped already: load the wave's page again."))
    return found


def _apply(*, by: Actor, obj: Wave, now: datetime, version: UUID) -> Words:
    planning.apply_change(by=by, version=_version(obj, version), now=now)
    return _("The changed plan is in force; what waits follows it.")


def _drop(*, by: Actor, obj: Wave, now: datetime, version: UUID) -> Words:
    plan_changes.drop_change(by=by, version=_version(obj, version), now=now)
    return _("The change is dropped; the plan is as it was.")


def _extend(*, by: Actor, obj: Wave, now: datetime, closes_at: datetime) -> Words:
    planning.extend_close(by=by, wave=obj, closes_at=closes_at, now=now)
    return _("The wave closes later; letters go on the days they were planned for.")


def _release(*, by: Actor, obj: Wave, now: datetime, reason: str) -> Words:
    services.release_rest(by=by, wave=obj, reason=reason, now=now)
    return _("The rest gets its letters now.")


def _newcomers(*, by: Actor, obj: Wave, now: datetime) -> Words:
    drawn = sampling.draw_newcomers(by=by, wave=obj, now=now)
    return ngettext("%(count)d member was added.", "%(count)d members were added.", drawn) % {"count": drawn}


def approve(*, by: Actor, obj: Wave, now: datetime) -> Words:
    """With the letters as they are now."""
    drawn = planning.approve_wave(by=by, wave=obj, now=now)
    return gettext("Approved: %(count)d members are in the sample.") % {"count": drawn}


def before_approval(wave: Wave) -> Words:
    """What the plan would come to: how many letters, and which of them could never go in time."""
    if wave.status != Status.PLANNED:
        return ""
    found = dry_run.forecast(Draft.of(wave), clock.now())
    said = gettext("As things are it sends at most %(letters)d letters to %(members)d members.")
    words = said % {"letters": found.letters, "members": found.sample}
    if late := len(found.past_close):
        sentence = ngettext(
            "%(count)d letter would be put off past the close and never go: see the dry run.",
            "%(count)d letters would be put off past the close and never go: see the dry run.",
            late,
        )
        words += " " + sentence % {"count": late}
    return words


def _looked_at(wave: Wave) -> dict[str, Any]:
    version = proposed(wave)
    return {"version": version.pk if version else None}


def _has_change(wave: Wave) -> bool:
    return wave.status != Status.CLOSED and proposed(wave) is not None


def _rest_waits(wave: Wave) -> bool:
    held = wave.status == Status.OPEN and wave.rest_released_at is None
    return held and wave.planned.soft_launch is not None


def _is_drawn(wave: Wave) -> bool:
    return wave.status in (Status.APPROVED, Status.OPEN)


STEPS: Sequence[Step[Wave]] = (
    Step[Wave](
        "apply", Verb.APPROVE_WAVE, _("Apply the change"),
        _("The changed plan takes the old one's place: what waits is moved or cancelled, nothing goes out twice."),
        _apply, _has_change, VersionForm, initial=_looked_at,
    ),
    Step[Wave](
        "reject", Verb.APPROVE_WAVE, _("Reject the change"),
        _("The proposed change isn't followed; the plan stays as it is."),
        _drop, _has_change, VersionForm, initial=_looked_at,
    ),
    Step[Wave](
        "drop", Verb.PLAN_WAVE, _("Drop the change"),
        _("The proposed change isn't followed; the plan stays as it is."),
        _drop, _has_change, VersionForm, initial=_looked_at,
    ),
    Step[Wave](
        "extend", Verb.APPROVE_WAVE, _("Close later"),
        _("Links answer until the new close. Reminders stay on their days."),
        _extend, _is_drawn, CloseForm,
    ),
    Step[Wave](
        "rest", Verb.APPROVE_WAVE, _("Release the rest"),
        _("All others get their letters now, whatever became of the first ones. The reason is kept."),
        _release, _rest_waits, ReasonForm,
    ),
    Step[Wave](
        "newcomers", Verb.APPROVE_WAVE, _("Draw the newcomers"),
        _("Who joined after the sample was drawn, and fits it, is added: the refreshment of an open wave."),
        _newcomers, _is_drawn,
    ),
)  # fmt: skip


# --- pages


def urls(admin: DeskAdmin[Wave]) -> list[URLPattern]:
    """The plan, its dry run, a change of it."""
    inside = admin.admin_site.admin_view

    def of(view: Any) -> Any:
        return inside(lambda request, pk: view(admin, request, pk))

    return [
        path("<uuid:pk>/plan/", of(plan_view), name="waves_wave_versions"),
        path("<uuid:pk>/dry-run/", of(dry_run_view), name="waves_wave_dryrun"),
        path("<uuid:pk>/change/", of(change_view), name="waves_wave_propose"),
    ]


def links(admin: DeskAdmin[Wave], wave: Wave, may: frozenset[Verb]) -> list[dict[str, Any]]:
    """From the wave's page to these."""
    if not may & set(SEE):
        return []
    found = [{"name": _("The plan and its versions"), "url": admin.url("versions", wave.pk)}]
    if wave.status != Status.CLOSED:
        found.append({"name": _("Dry run"), "url": admin.url("dryrun", wave.pk)})
        if Verb.PLAN_WAVE in may:
            found.append({"name": _("Change the plan"), "url": admin.url("propose", wave.pk)})
    return found


def change_url(admin: DeskAdmin[Wave], wave: Wave, may: frozenset[Verb]) -> str:
    """Where the difference stands that a proposed change would make; nothing where none is proposed."""
    return admin.url("versions", wave.pk) if may & set(SEE) and _has_change(wave) else ""


def _visible(admin: DeskAdmin[Wave], request: HttpRequest, pk: UUID) -> tuple[Wave, frozenset[Verb]]:
    wave = admin.visible(request, pk)
    may = guard.verbs(request, wave.study)
    if not may & set(SEE):
        raise NotAllowed(_("None of your roles opens this page."))
    return wave, may


def plan_view(admin: DeskAdmin[Wave], request: HttpRequest, pk: UUID) -> HttpResponse:
    """The plan in words, how a soft launch stands, its versions, and what a proposed change would mean."""
    wave, may = _visible(admin, request, pk)
    version, now = proposed(wave), clock.now()
    found = None
    if version and wave.status != Status.CLOSED:
        found = differences.difference(version, now)
    buttons = [
        {"name": step.name, "url": admin.url("step", pk, step.slug), "danger": step.danger}
        for step in STEPS
        if step.verb in may and step.fits(wave)
    ]
    context = {
        "plan": wave.planned,
        "soft": soft_launch.standing(wave),
        "versions": wave.versions.select_related("instrument__instrument").order_by("-number"),
        "version": version,
        "new_plan": Plan.from_json(version.plan) if version else None,
        "differs": found and _told(found),
        "codes": _codes(request, wave, found, may) if found else None,
        "hidden": not _shows_codes(wave, may),
        "buttons": buttons + [one for one in links(admin, wave, may) if one["url"] != request.path],
        "back": admin.url("change", pk),
    }
    return admin.render(request, "desk/plan.html", wave, context)


def dry_run_view(admin: DeskAdmin[Wave], request: HttpRequest, pk: UUID) -> HttpResponse:
    """Who would get what on which day, and who not, and why."""
    wave, may = _visible(admin, request, pk)
    if wave.status == Status.CLOSED:
        raise NotNow(_("The wave is closed: nothing of it will be sent."))
    found = dry_run.forecast(Draft.of(wave), clock.now())
    shown = _shows_codes(wave, may)
    context = {
        "found": found,
        "assumed": dry_run.ASSUMED,
        "days": _days(found),
        "languages": sorted({language for one in found.by_language.values() for language in one}),
        "bars": charts.bars([(day, one.total()) for day, one in sorted(found.by_language.items())]),
        "left_out": _page(request, "page", [(code, why_not(why)) for code, why in found.left_out] if shown else []),
        "left_out_count": len(found.left_out),
        "late": _page(request, "late", _late(found) if shown else []),
        "late_count": len(found.past_close),
        "hidden": not shown,
        "back": admin.url("change", pk),
    }  # fmt: skip
    return admin.render(request, "desk/dry_run.html", wave, context)


def change_view(admin: DeskAdmin[Wave], request: HttpRequest, pk: UUID) -> HttpResponse:
    """A changed plan; proposed, it moves nothing yet."""
    wave, _may = _visible(admin, request, pk)
    by = guard.actor(request)
    permissions.check(by, wave.study, Verb.PLAN_WAVE)
    form = ChangeForm(request.POST if request.method == "POST" else None, wave=wave)
    status = 200
    if request.method == "POST":

        def propose(**given: Any) -> PlanVersion:
            return planning.propose_change(
                by=by,
                wave=wave,
                plan=given["plan"],
                opens_at=_same(wave.opens_at, given["opens_at"]),
                closes_at=_same(wave.closes_at, given["closes_at"]),
                instrument=given.get("instrument"),
                now=clock.now(),
            )

        _done, status = carry_out(form, propose)
        if status == 200:
            return HttpResponseRedirect(admin.url("versions", pk))
    context = {
        "form": form,
        "back": admin.url("change", pk),
        "heading": _("Change the plan"),
        "sentence": _("Nothing moves yet: next you see who gets what earlier, later, no more or newly."),
        "button": _("Show what it would mean"),
    }
    return admin.render(request, "desk/plan_form.html", wave, context, status=status)


def _same(before: datetime, given: datetime) -> datetime:
    """A form knows minutes only: the same minute is no change."""
    return before if before.replace(second=0, microsecond=0) == given else given


# --- what they show


@dataclass(frozen=True)
class DayRow:
    """A day of the dry run: its letters by language, and which they are."""

    day: date
    total: int
    by_language: list[int]
    steps: list[tuple[Words, int, int]]


def _days(found: Forecast) -> list[DayRow]:
    languages = sorted({language for one in found.by_language.values() for language in one})
    return [
        DayRow(
            day,
            counted.total(),
            [counted[language] for language in languages],
            [(kind.label, number, letters) for (kind, number), letters in sorted(found.by_step[day].items())],
        )
        for day, counted in sorted(found.by_language.items())
    ]


@dataclass(frozen=True)
class Told:
    """The same change for some members, as a row of a table."""

    change: Words
    letter: Words
    number: int
    day_before: date | None
    day_now: date | None
    letters: int


def _late(found: Forecast) -> list[tuple[str, Words, int, Words]]:
    return [(code, one.kind.label, one.ordinal, why_not(one.reason)) for code, one in found.past_close]


def _told(found: Difference) -> dict[str, Any]:
    rows = [
        Told(Change(one.change).label, one.kind.label, one.ordinal, one.day_before, one.day_now, len(codes))
        for one, codes in found.in_order
    ]
    return {"found": found, "rows": rows, "sums": [(change.label, found.of(change)) for change in Change]}


def _codes(
    request: HttpRequest, wave: Wave, found: Difference, may: frozenset[Verb]
) -> "Page[tuple[str, Told]]":
    shown = found.codes if _shows_codes(wave, may) else []
    return _page(
        request,
        "page",
        [
            (
                code,
                Told(Change(one.change).label, one.kind.label, one.ordinal, one.day_before, one.day_now, 1),
            )
            for code, one in shown
        ],
    )


def _shows_codes(wave: Wave, may: frozenset[Verb]) -> bool:
    """A list of who is in a sample drawn by place would tell where they live."""
    version = proposed(wave)
    plans = [wave.planned, *([Plan.from_json(version.plan)] if version else [])]
    return Verb.SEE_FLAGS in may or not any(plan.sample.places for plan in plans)


def _page(request: HttpRequest, name: str, rows: Iterable[Any]) -> "Page[Any]":
    return Paginator(list(rows), PER_PAGE).get_page(request.GET.get(name))


def why_not(code: str) -> Words:
    """Why somebody gets no letter, in words: by the sample, or by a rule of sending."""
    return NotDrawn(code).label if code in NotDrawn.values else REASONS.get(code, code)
