"""A project's end or extension at the desk (NO-04): one page with the steps in their order, each with its state.

Nothing happens by accident: a step is a page of its own to confirm, and what is for good wants the study's name typed.
The file for the archive is the only answer to a POST that isn't a page: it is given out once and kept nowhere.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.contrib.admin import display
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from panel import clock
from panel.audit.rules import Actor
from panel.desk import guard
from panel.desk.base import DeskAdmin, Step, Words, carry_out, column
from panel.desk.ending_forms import ArchiveForm, ExtensionForm, ReleaseForm, ResultForm, TypedForm
from panel.desk.forms import DeskForm, ReasonForm
from panel.desk.sections.releases import attachment
from panel.desk.words import label, moment
from panel.invitations.models import LetterKind
from panel.members import permissions
from panel.members.models import Study
from panel.members.rules import Verb
from panel.releases.models import Release
from panel.rights import archive, certificate, clearing, extension, messages, project_end, retention
from panel.rights.end_rules import CARDS, ORDER, next_step
from panel.rights.models import EndStep, OutsideItem, ProjectEnd

End = EndStep.Step
Fits = Callable[[ProjectEnd], bool]
#: What the counts of a step are called.
COUNTED: dict[str, str | Promise] = {
    "letters": _("letters"),
    "readers": _("members to tell"),
    "members": _("members"),
    "cards": _("contact cards"),
    "cases": _("cases"),
    "responses": _("questionnaires answered"),
    "wave_0_records": _("records of wave 0"),
    "evidence": _("statements on where they live"),
    "links": _("links"),
    "messages": _("messages"),
    "requests": _("requests"),
    "stops": _("stops"),
    "persons": _("people who agreed to archiving"),
    "items": _("things outside"),
    "left": _("of them not gone yet"),
    "tables": _("tables"),
    "release": _("release"),
    "name": _("name"),
    "label": _("what it is"),
    "sha256": "SHA-256",
    "key_version": _("new version of the key-encryption key"),
    "versions_destroyed": _("destroyed versions"),
    "index_destroyed": _("the index key too"),
    "backups": _("backups in the register"),
}


# --- what the study's page offers


def _begin(*, by: Actor, obj: Study, now: datetime, typed: str) -> Words:
    project_end.begin(by=by, study=obj, typed=typed, now=now)
    return _("The end of the project has begun. Its page leads through the steps.")


def _extend(
    *, by: Actor, obj: Study, now: datetime, ends_on: date, retention_until: date | None, words: Any
) -> Words:
    extension.ask(by=by, study=obj, ends_on=ends_on, retention_until=retention_until, words=words, now=now)
    return _("Members are being told. Put the new day in force when they all were.")


def _in_force(*, by: Actor, obj: Study, now: datetime) -> Words:
    extension.put_in_force(by=by, study=obj, now=now)
    return _("The new day is in force.")


def _order_retention(*, by: Actor, obj: Study, now: datetime, typed: str) -> Words:
    retention.order(by=by, study=obj, typed=typed, now=now)
    return _("Ordered: a worker destroys the contact data tonight.")


def _runs(study: Study) -> bool:
    return study.ended_at is None and not ProjectEnd.objects.filter(study=study).exists()


STUDY_STEPS = (
    Step[Study](
        "retention", Verb.RUN_RETENTION, _("Destroy contact data past their day"),
        _("Members were told that their contact data are kept no longer. Their coded answers stay."),
        _order_retention,
        lambda study: (found := retention.open_report(study)) is not None and found.ordered_at is None,
        TypedForm, danger=True,
    ),
    Step[Study](
        "extend", Verb.END_PROJECT, _("Extend the project"),
        _("Each member gets a notice first; the new day is put in force when all of them were told."),
        _extend, lambda study: _runs(study) and extension.waiting(study) is None, ExtensionForm,
    ),
    Step[Study](
        "in-force", Verb.END_PROJECT, _("Put the new day in force"),
        _("Only when no notice to a member is under way any more."),
        _in_force, lambda study: extension.waiting(study) is not None,
    ),
    Step[Study](
        "begin-end", Verb.END_PROJECT, _("End the project"),
        _("This opens the page that leads through the end. Nothing is destroyed yet."),
        _begin, _runs, TypedForm, danger=True,
    ),
)  # fmt: skip


# --- the steps of an end


def _tell(*, by: Actor, obj: ProjectEnd, now: datetime, words: Any, reason: str) -> Words:
    project_end.tell_results(by=by, end=obj, words=words, reason=reason, now=now)
    return _("Done. The next step is open.")


def _name(*, by: Actor, obj: ProjectEnd, now: datetime, release: Release | None, reason: str) -> Words:
    project_end.name_release(by=by, end=obj, release=release, reason=reason, now=now)
    return _("Done. The next step is open.")


def _no_archive(*, by: Actor, obj: ProjectEnd, now: datetime, reason: str) -> Words:
    project_end.leave_archive_out(by=by, end=obj, reason=reason, now=now)
    return _("Done. The next step is open.")


def _archive_again(*, by: Actor, obj: ProjectEnd, now: datetime) -> Words:
    project_end.make_archive_again(by=by, end=obj, now=now)
    return _("The step is open again.")


def _outside(*, by: Actor, obj: ProjectEnd, now: datetime) -> Words:
    project_end.tick_outside(by=by, end=obj, now=now)
    return _("Done. The next step is open.")


def _orders(step: End) -> Callable[..., Words]:
    def act(*, by: Actor, obj: ProjectEnd, now: datetime, typed: str) -> Words:
        project_end.order(by=by, end=obj, step=step, typed=typed, now=now)
        return _("Ordered: a worker carries it out within minutes.")

    return act


def _backups(*, by: Actor, obj: ProjectEnd, now: datetime, reason: str) -> Words:
    project_end.tick_backups(by=by, end=obj, words=reason, now=now)
    return _("Done. The next step is open.")


def _certify(*, by: Actor, obj: ProjectEnd, now: datetime) -> Words:
    project_end.certify(by=by, end=obj, now=now)
    return _("The project has ended. Keep the certificate with the study’s papers.")


def _is_next(step: End) -> Fits:
    return lambda end: (
        next_step(project_end.done_steps(end)) == step and not end.steps.filter(step=step).exists()
    )


def _may_make_again(end: ProjectEnd) -> bool:
    done = project_end.done_steps(end)
    return End.ARCHIVE in done and not end.steps.filter(step=End.LINK_KEY).exists()


def _step(
    step: End, slug: str, act: Callable[..., Words], form: type[DeskForm], **more: Any
) -> Step[ProjectEnd]:
    return Step[ProjectEnd](
        slug, Verb.END_PROJECT, step.label, CARDS[step].sentence, act, _is_next(step), form,
        danger=CARDS[step].for_good, **more,
    )  # fmt: skip


STEPS = (
    _step(End.RESULT, "result", _tell, ResultForm),
    _step(End.RELEASE, "name-release", _name, ReleaseForm, initial=lambda end: {"study": end.study_id}),
    Step[ProjectEnd](
        "no-archive", Verb.END_PROJECT, _("Leave the archive out"),
        _("Nobody agreed to archiving, or no archive takes it. The certificate says why."),
        _no_archive, _is_next(End.ARCHIVE), ReasonForm,
    ),
    Step[ProjectEnd](
        "archive-again", Verb.END_PROJECT, _("Make the archive’s file again"),
        _("The file didn’t arrive: the step is open again. A new file has new numbers."),
        _archive_again, _may_make_again,
    ),
    _step(End.OUTSIDE, "tick-outside", _outside, DeskForm),
    _step(End.LINK_KEY, "link-key", _orders(End.LINK_KEY), TypedForm),
    _step(End.ROWS, "rows", _orders(End.ROWS), TypedForm),
    _step(End.BACKUPS, "backups", _backups, ReasonForm),
    _step(End.CERTIFICATE, "certify", _certify, DeskForm),
)  # fmt: skip


class EndAdmin(DeskAdmin[ProjectEnd]):
    """The leader takes the steps; the data-protection officer reads."""

    path_prefix = "project-end"
    heading = _("Project’s end")
    see = (Verb.SEE_KEYS,)
    detail_template = "desk/end.html"
    sentence = _("Projects that are being ended or have ended. One begins on the study’s page.")
    empty = _("No project is being ended.")
    shown_study = column("study", _("study"))
    shown_begun_by = column("begun_by", _("begun by"))
    list_display = ("shown_study", "shown_begun", "shown_begun_by", "shown_state")
    list_display_links = ("shown_study",)
    steps = STEPS

    def extra_urls(self) -> list[URLPattern]:
        inside, name = self.admin_site.admin_view, "rights_projectend"
        return [
            path("<uuid:pk>/archive/", inside(self.archive_view), name=f"{name}_archive"),
            path("<uuid:pk>/certificate/", inside(self.certificate_view), name=f"{name}_certificate"),
            path("<uuid:pk>/certificate.json", inside(self.certificate_json), name=f"{name}_json"),
        ]

    def detail(self, request: HttpRequest, obj: ProjectEnd, may: frozenset[Verb]) -> dict[str, Any]:
        done = {row.step: row for row in obj.steps.all()}
        rows = [_shown(obj, step, done.get(step), next_step(project_end.done_steps(obj))) for step in ORDER]
        archive_next = Verb.END_PROJECT in may and _is_next(End.ARCHIVE)(obj)
        return {
            "rows": rows,
            "label_of_archive": archive.LABEL,
            "archive_url": self.url("archive", obj.pk) if archive_next else "",
            "certificate_url": self.url("certificate", obj.pk) if obj.certified_at else "",
        }

    def archive_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """The form (GET); the sealed file itself (POST), once."""
        end, by = self.visible(request, pk), guard.actor(request)
        permissions.check(by, end.study, Verb.END_PROJECT)
        form = ArchiveForm(request.POST or None, request.FILES or None)
        status = 200
        if request.method == "POST":
            made, status = carry_out(form, lambda where, certificate: project_end.make_archive(
                by=by, end=end, where=where, certificate=certificate.read(), now=clock.now()
            ))  # fmt: skip
            if status == 200:
                return attachment(f"{end.study.slug}-archive.cms", made)
        step = {"name": End.ARCHIVE.label, "sentence": CARDS[End.ARCHIVE].sentence}
        words = {"step": step, "form": form, "back": self.after(end), "upload": True}
        return self.render(request, "desk/step.html", end, words, status=status)

    def certificate_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """To be printed."""
        end = self._certified(request, pk)
        rows = [
            {"step": row, "name": End(row.step).label, "counted": list(_named(row.counts))}
            for row in end.steps.order_by("done_at", "begun_at")
        ]
        words = {
            "certificate": end.certificate,
            "rows": rows,
            "kept": certificate.KEPT,
            "json_url": self.url("json", pk),
        }
        return self.render(request, "desk/certificate.html", end, words)

    def certificate_json(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """For machines."""
        return JsonResponse(self._certified(request, pk).certificate, json_dumps_params={"indent": 1})

    def _certified(self, request: HttpRequest, pk: UUID) -> ProjectEnd:
        end = self.visible(request, pk)
        if end.certified_at is None:
            raise Http404
        return end

    @display(description=_("begun"), ordering="begun_at")
    def shown_begun(self, end: ProjectEnd) -> str:
        return moment(end.begun_at)

    @display(description=_("state"))
    def shown_state(self, end: ProjectEnd) -> str:
        upcoming = next_step(project_end.done_steps(end))
        return label(str(upcoming.label), "warning") if upcoming else label(str(_("ended")), "success")


def _named(counts: Mapping[str, Any]) -> Iterator[tuple[Words, Any]]:
    """Counts with what they are called, and lists and yes or no in words."""
    for name, value in counts.items():
        if isinstance(value, bool):
            value = _("yes") if value else _("no")
        elif isinstance(value, list):
            value = ", ".join(map(str, value)) or "–"
        yield COUNTED.get(name, name), value


def _shown(end: ProjectEnd, step: End, row: EndStep | None, upcoming: End | None) -> dict[str, Any]:
    """One line of the page; before a step is done its counts are those of a dry run."""
    done = row is not None and row.done_at is not None
    counts = row.counts if row is not None else _dry_run(end, step)
    return {
        "name": step.label,
        "card": CARDS[step],
        "row": row,
        "done": done,
        "ordered": row is not None and not done,
        "next": step == upcoming and row is None,
        "counts": list(_named({name: value for name, value in counts.items() if name in COUNTED})),
    }


def _dry_run(end: ProjectEnd, step: End) -> dict[str, int]:
    """What a step that is still to come concerns, counted."""
    study = end.study
    if step == End.RESULT:
        return {"readers": messages.readers(study, LetterKind.RESULT).count()}
    if step == End.ARCHIVE:
        return {"persons": len(archive.agreed(study))}
    if step == End.OUTSIDE:
        items = OutsideItem.objects.filter(study=study).exclude(kind=OutsideItem.Kind.BACKUP)
        return {"items": items.count(), "left": items.filter(gone_on=None).count()}
    if step == End.LINK_KEY:
        return clearing.link_key_counts(study)
    return clearing.row_counts(study) if step == End.ROWS else {}
