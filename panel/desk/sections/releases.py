"""Releases: ask, review by another person with a checklist and a, download if approved (SDC-08)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from panel import clock
from panel.audit.rules import Actor
from panel.desk import guard, pages
from panel.desk.base import DeskAdmin, Step, Words, column
from panel.desk.forms import Choice, ReasonForm, StudyForm, Tick
from panel.desk.words import colour, label, moment
from panel.members.models import Study
from panel.members.rules import Verb
from panel.releases import rules, selectors, services
from panel.releases.models import Release
from panel.waves.models import Wave

State = Release.State


class ReviewForm(ReasonForm):
    """The checklist of SDC-08, each point ticked by the reviewer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        points = {f"point_{point}": Tick(label=str(words)) for point, words in rules.CHECKLIST.items()}
        self.fields = {**points, **self.fields}

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        ticked = {point: bool(given.pop(f"point_{point}", False)) for point in rules.CHECKLIST}
        return {**given, "checked": ticked}


class AskForm(StudyForm):
    """Which product, of which wave."""

    wave = forms.ModelChoiceField(
        label=_("Wave"),
        queryset=Wave.objects.none(),
        required=False,
        empty_label=_("0 (recruitment)"),
        widget=Choice.widget,
    )
    product = Choice(label=_("Product"), choices=Release.Product.choices)

    def __init__(self, *args: Any, studies: QuerySet[Study], **kwargs: Any) -> None:
        super().__init__(*args, studies=studies, **kwargs)
        closed = Wave.objects.filter(study__in=studies, status=Wave.Status.CLOSED).order_by("number")
        self.fields["wave"].queryset = closed  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        wave, study = given.get("wave"), given.get("study")
        if wave and study and wave.study_id != study.pk:
            raise forms.ValidationError(_("This wave is another study's."))
        return given


def _approve(*, by: Actor, obj: Release, now: datetime, reason: str, checked: dict[str, bool]) -> Words:
    services.approve(by=by, release=obj, reason=reason, checked=checked, now=now)
    return _("Approved. Exactly these files can be downloaded now.")


def _reject(*, by: Actor, obj: Release, now: datetime, reason: str) -> Words:
    services.reject(by=by, release=obj, reason=reason, now=now)
    return _("Rejected. The files stay for the record and are never given out.")


def waits(release: Release) -> bool:
    """Nobody decided on it yet."""
    return release.state == State.ASKED


class ReleaseAdmin(DeskAdmin[Release]):
    """Reviewers see all of their studies; others what is approved, and what they asked for."""

    path_prefix = "releases"
    heading = _("Releases")
    see = (Verb.REVIEW_RELEASE, Verb.ASK_RELEASE, Verb.DOWNLOAD_RELEASE)
    detail_template = "desk/release.html"
    sentence = _("Files that leave. Who asks never approves; what is approved are exactly these bytes.")
    empty = _("No release yet. A researcher asks for one once a wave is closed.")
    shown_study = column("study", _("study"))
    shown_asked_by = column("asked_by", _("asked by"))
    shown_reviewed_by = column("reviewed_by", _("reviewed by"))
    list_display = (
        "shown_name",
        "shown_study",
        "shown_state",
        "shown_asked_by",
        "shown_asked",
        "shown_reviewed_by",
    )
    list_display_links = ("shown_name",)
    list_filter = ("state", "product")
    steps = (
        Step[Release](
            "approve", Verb.REVIEW_RELEASE, _("Approve"),
            _("From then on exactly these files can be downloaded, and can't be recalled."),
            _approve, waits, ReviewForm,
        ),
        Step[Release](
            "reject", Verb.REVIEW_RELEASE, _("Reject"),
            _("The files stay for the record and are never given out."), _reject, waits, ReasonForm,
            danger=True,
        ),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Release]:
        return selectors.visible_to(request.user)

    def extra_urls(self) -> list[URLPattern]:
        inside, name = self.admin_site.admin_view, "releases_release"
        return [
            path("ask/", inside(self.ask_view), name=f"{name}_ask"),
            path("<uuid:pk>/files/<str:file>", inside(self.file_view), name=f"{name}_file"),
        ]

    def list_buttons(self, request: HttpRequest) -> list[dict[str, Any]]:
        if Verb.ASK_RELEASE not in guard.all_verbs(request.user):
            return []
        return [{"name": _("Ask for a release"), "url": self.url("ask")}]

    def ask_view(self, request: HttpRequest) -> HttpResponse:
        """The files are made at once, or refused with a sentence and nothing written."""

        def act(by: Actor, now: datetime, study: Study, wave: Wave | None, product: str) -> pages.Done:
            release = services.ask(by=by, study=study, wave=wave, product=product, now=now)
            return pages.Done(
                _("The files are made and wait for a reviewer."), self.url("change", release.pk)
            )

        return pages.act(
            request,
            Verb.ASK_RELEASE,
            AskForm,
            act,
            title=_("Ask for a release"),
            sentence=_("The files are made now and kept as they are; another person reviews them."),
            button=_("Ask"),
        )

    def file_view(self, request: HttpRequest, pk: UUID, file: str) -> HttpResponse:
        """One file: to download once approved, to look at for its reviewer."""
        release, by, now = self.visible(request, pk), guard.actor(request), clock.now()
        if release.state == State.ASKED:
            data = services.open_for_review(by=by, release=release, file=file, now=now)
        else:
            data = services.open_download(by=by, release=release, file=file, now=now)
        return attachment(file, data)

    @display(description=_("release"))
    def shown_name(self, release: Release) -> str:
        return f"{release.product} · {release.wave_name}"

    @display(description=_("asked"), ordering="asked_at")
    def shown_asked(self, release: Release) -> str:
        return moment(release.asked_at)

    @display(description=_("state"), ordering="state")
    def shown_state(self, release: Release) -> str:
        text = release.get_state_display()
        return label(text, colour(release))

    def detail(self, request: HttpRequest, obj: Release, may: frozenset[Verb]) -> dict[str, Any]:
        own = obj.asked_by == request.user.get_username()
        opens = Verb.REVIEW_RELEASE in may and not own if waits(obj) else Verb.DOWNLOAD_RELEASE in may
        gone = obj.state in (State.REJECTED, State.WITHDRAWN)
        shown = {**({"buttons": []} if own else {}), "own": own, "opens": opens and not gone}
        facts = {name: value for name, value in obj.manifest.items() if not isinstance(value, dict | list)}
        return {
            **shown,
            "files": obj.files.defer("content").order_by("name"),
            "facts": facts,
            "checklist": [(words, obj.checklist.get(point)) for point, words in rules.CHECKLIST.items()],
        }


def attachment(name: str, data: bytes) -> HttpResponse:
    """A file to be saved, never shown inside a page."""
    if '"' in name or "\\" in name or not name.isprintable():
        raise Http404
    answer = HttpResponse(data, content_type="application/octet-stream")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
