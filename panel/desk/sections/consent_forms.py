"""Consent forms: drafted by block and purpose, seen side by side, compared, previewed, approved by another person.

What a form must hold and who may is consent's and panel/rights'.
"""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin import display
from django.core.files import File
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminFileFieldWidget

from consent import forms as rules
from consent import selectors
from consent.models import Block, ConsentForm, Purpose
from panel import clock
from panel.audit.rules import Actor
from panel.desk import guard, pages
from panel.desk.base import DeskAdmin, Step, Words, carry_out, column
from panel.desk.changes import changes
from panel.desk.forms import DeskForm, LongText, StudyForm, Text, Tick
from panel.desk.words import colour, day, label
from panel.errors import BadInput, NotNow
from panel.members import permissions
from panel.members.models import Study
from panel.members.rules import Verb
from panel.rights import consent_forms as services
from panel.rights import reconsent

Status = ConsentForm.Status
#: A document of words; nothing near this is ever written.
LARGEST = 1_000_000
PARTS: dict[str, Words] = {
    **{block.value: block.label for block in Block},
    **{f"ask-{purpose}": Purpose(purpose).label for purpose in rules.ASKED},
}


class VersionForm(DeskForm):
    """The name of a new version."""

    version = Text(
        label=_("Version"), max_length=40, help_text=_("A name that says which is newer, such as 2024-03-01.")
    )


class ApproveForm(DeskForm):
    """The words that were read: others, written meanwhile, are not approved."""

    sha256 = forms.CharField(widget=forms.HiddenInput)


class AskForm(DeskForm):
    """A run is seen by all members: it is vouched for."""

    read = Tick(
        label=_("I have read the preview in each language, and know that these members' invitations wait.")
    )


class DocumentForm(StudyForm):
    """A form's document."""

    file = forms.FileField(
        label=_("File"),
        widget=UnfoldAdminFileFieldWidget(),
        help_text=_("JSON with version, letter and questions, as `manage.py consent_form` reads it."),
    )


class PartForm(DeskForm):
    """One block or question, in each language of the study."""

    def __init__(self, *args: Any, languages: dict[str, str], heading: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        about = _("The first line is the heading; leave a blank line below it.") if heading else ""
        for language in languages:
            self.fields[language] = LongText(
                label=language,
                required=False,
                max_length=10_000,
                initial=languages[language],
                help_text=about,
            )
            self.fields[language].widget.attrs |= {"rows": 14 if heading else 5, "lang": language}


def study_of(form: ConsentForm) -> Study:
    """The study a form belongs to; the ledger knows it by its key."""
    return Study.objects.get(key=form.study_key)


def _copy(*, by: Actor, obj: ConsentForm, now: datetime, version: str) -> Words:
    services.new_version(by=by, study=study_of(obj), form=obj, version=version, now=now)
    return _("The new draft stands in the list, with the words of this form.")


def _approve(*, by: Actor, obj: ConsentForm, now: datetime, sha256: str) -> Words:
    services.approve(by=by, study=study_of(obj), form=obj, sha256=sha256, now=now)
    return _("Approved. No word of it changes any more.")


def _retire(*, by: Actor, obj: ConsentForm, now: datetime) -> Words:
    services.retire(by=by, study=study_of(obj), form=obj, now=now)
    return _("Retired. It is shown to nobody any more; what was agreed to stands.")


def _discard(*, by: Actor, obj: ConsentForm, now: datetime) -> Words:
    services.discard(by=by, study=study_of(obj), form=obj, now=now)
    return _("The draft is gone.")


def _ask(*, by: Actor, obj: ConsentForm, now: datetime, read: bool) -> Words:
    run = reconsent.start(by=by, study=study_of(obj), form=obj, now=now)
    return gettext("The run has begun: %(asked)d members are asked.") % {"asked": run.asked}


def _document(file: "File[bytes]") -> dict[str, Any]:
    """What was uploaded, if it is a document at all."""
    if file.size is not None and file.size > LARGEST:
        raise BadInput(_("This file is too large for a consent form."))
    try:
        document = json.loads(file.read().decode("utf-8"))
    except ValueError as error:
        raise BadInput(_("This file is no JSON in UTF-8.")) from error
    if not isinstance(document, dict):
        raise BadInput(_("This file is no JSON in UTF-8."))
    return document


class FormAdmin(DeskAdmin[ConsentForm]):
    """Everybody who sees consents sees the words they were given to."""

    path_prefix = "forms"
    heading = _("Consent forms")
    see = (Verb.SEE_CONSENT,)
    detail_template = "desk/consent_form.html"
    sentence = _(
        "The information letter and the questions. One person writes, a project leader who wrote nothing of it "
        "approves; approved words never change."
    )
    empty = _("No form yet. Nothing is sent before a form is approved.")
    shown_version = column("version", _("version"))
    list_display = (
        "shown_version",
        "shown_study",
        "shown_status",
        "shown_approved",
        "shown_by",
        "shown_retired",
    )
    list_display_links = ("shown_version",)
    list_filter = ("status",)
    ordering = ("-number",)
    steps = (
        Step[ConsentForm](
            "approve", Verb.APPROVE_FORM, _("Approve"),
            _("From then on no word of it changes, and it is the form that members are shown."),
            _approve, lambda form: form.status == Status.DRAFT, ApproveForm,
            initial=lambda form: {"sha256": rules.hash_of(form)},
        ),
        Step[ConsentForm](
            "ask", Verb.RUN_RECONSENT, _("Ask members to agree to this form"),
            _(
                "All who agreed to older words get a letter. Their invitations and reminders wait until they "
                "have said yes or no to each question; you can close the run at any time."
            ),
            _ask, lambda form: form.status == Status.APPROVED and bool(form.approved_by), AskForm,
        ),
        Step[ConsentForm](
            "copy", Verb.DRAFT_FORM, _("Write a new version"),
            _("A draft with the words of this form. A question that asked for several things becomes one for each."),
            _copy, form=VersionForm,
        ),
        Step[ConsentForm](
            "retire", Verb.APPROVE_FORM, _("Retire"),
            _("The form is shown to nobody any more. What was agreed to stands, and its words are kept."),
            _retire, lambda form: form.status == Status.APPROVED, danger=True,
        ),
        Step[ConsentForm](
            "discard", Verb.DRAFT_FORM, _("Discard the draft"), _("Its words are deleted."),
            _discard, lambda form: form.status == Status.DRAFT, danger=True,
        ),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConsentForm]:
        name = Study.objects.filter(key=OuterRef("study_key")).values("name")[:1]
        found = ConsentForm.objects.filter(study_key__in=self.studies(request).values("key"))
        return found.annotate(study_name=Subquery(name))

    def study_of(self, obj: ConsentForm) -> Study:
        return study_of(obj)

    def extra_urls(self) -> list[URLPattern]:
        inside, name = self.admin_site.admin_view, "consent_consentform"
        return [
            path("upload/", inside(self.upload_view), name=f"{name}_upload"),
            path("<uuid:pk>/words/<slug:part>/", inside(self.words_view), name=f"{name}_words"),
            path("<uuid:pk>/preview/<slug:language>/", inside(self.preview_view), name=f"{name}_preview"),
            path("<uuid:pk>/changes/<slug:language>/", inside(self.changes_view), name=f"{name}_changes"),
        ]

    def after(self, obj: ConsentForm) -> str:
        return (
            super().after(obj) if ConsentForm.objects.filter(pk=obj.pk).exists() else self.url("changelist")
        )

    def list_buttons(self, request: HttpRequest) -> list[dict[str, Any]]:
        if Verb.DRAFT_FORM not in guard.all_verbs(request.user):
            return []
        return [{"name": _("Draft a form from a file"), "url": self.url("upload")}]

    def detail(self, request: HttpRequest, obj: ConsentForm, may: frozenset[Verb]) -> dict[str, Any]:
        study = self.study_of(obj)
        draft = obj.status == Status.DRAFT
        imported = not draft and not obj.approved_by
        return {
            "languages": study.languages,
            "parts": _parts(obj, study.languages),
            "lacks": rules.lacks(obj, study.languages) if draft else [],
            "writes": draft and Verb.DRAFT_FORM in may,
            "imported": imported,
            "own": draft and Verb.APPROVE_FORM in may and request.user.get_username() in obj.writers,
            "hash": obj.sha256 or rules.hash_of(obj),
            "before": _before(obj),
        }

    def upload_view(self, request: HttpRequest) -> HttpResponse:
        """A draft from a document, which may still lack words."""

        def act(by: Actor, now: datetime, study: Study, file: "File[bytes]") -> pages.Done:
            form = services.draft(by=by, study=study, document=_document(file), now=now)
            return pages.Done(_("The draft is there. Read it, then let a project leader approve it."),
                              self.url("change", form.pk))  # fmt: skip

        return pages.act(
            request,
            Verb.DRAFT_FORM,
            DocumentForm,
            act,
            title=_("Draft a consent form"),
            sentence=_("The file's words become a draft. What is missing can be written here afterwards."),
            button=_("Make the draft"),
            upload=True,
        )

    def words_view(self, request: HttpRequest, pk: UUID, part: str) -> HttpResponse:
        """Writes one block or question of a draft in all languages, side by side."""
        obj = self.visible(request, pk)
        study, by = self.study_of(obj), guard.actor(request)
        permissions.check(by, study, Verb.DRAFT_FORM)
        if part not in PARTS:
            raise Http404
        if obj.status != Status.DRAFT:
            raise NotNow(_("An approved form can't be changed. Write a new version."))
        written = next(row["bodies"] for row in _parts(obj, study.languages) if row["part"] == part)
        form = PartForm(
            request.POST if request.method == "POST" else None,
            languages=dict(zip(study.languages, written, strict=True)), heading=part in Block.values,
        )  # fmt: skip
        status = 200
        if request.method == "POST":
            _done, status = carry_out(form, lambda **bodies: _write(by, study, obj, part, bodies))
            if status == 200:
                messages.success(request, gettext("Saved."))
                return HttpResponseRedirect(self.url("change", pk))
        context = {"form": form, "part": PARTS[part], "back": self.url("change", pk)}
        return self.render(request, "desk/consent_part.html", obj, context, status=status)

    def preview_view(self, request: HttpRequest, pk: UUID, language: str) -> HttpResponse:
        """The page as a member would see it in this language, on a phone or wide; its button does nothing."""
        obj = self.visible(request, pk)
        study = self.study_of(obj)
        if language not in study.languages:
            raise Http404
        context = {
            "study": study,
            "blocks": selectors.letter(obj, language),
            "questions": [
                {"name": text.question, "body": text.body} for text in selectors.questions(obj, language)
            ],
            "form_language": language,
            "preview": True,
            "phone": request.GET.get("width") == "phone",
        }
        with translation.override(language):
            html = render_to_string("portal/reconsent.html", context)
        return HttpResponse(html, headers={"Content-Language": language})

    def changes_view(self, request: HttpRequest, pk: UUID, language: str) -> HttpResponse:
        """What differs from the form before, word by word."""
        obj = self.visible(request, pk)
        study, before = self.study_of(obj), _before(obj)
        if language not in study.languages or before is None:
            raise Http404
        old = {row["part"]: row["bodies"][0] for row in _parts(before, [language])}
        rows = [
            {"name": row["name"], "pieces": changes(old[row["part"]], row["bodies"][0])}
            for row in _parts(obj, [language])
        ]
        context = {
            "before": before,
            "language": language,
            "languages": study.languages,
            "rows": [row for row in rows if any(piece.kind != "same" for piece in row["pieces"])],
            "back": self.url("change", pk),
        }
        return self.render(request, "desk/consent_changes.html", obj, context)

    @display(description=_("study"))
    def shown_study(self, form: Any) -> str:
        return str(form.study_name)

    @display(description=_("status"), ordering="status")
    def shown_status(self, form: ConsentForm) -> str:
        text = form.get_status_display() if form.approved_by or form.status == Status.DRAFT else _("imported")
        return label(str(text), colour(form))

    @display(description=_("approved"), ordering="approved_on")
    def shown_approved(self, form: ConsentForm) -> str:
        return day(form.approved_on)

    @display(description=_("approved by"), ordering="approved_by")
    def shown_by(self, form: ConsentForm) -> str:
        return form.approved_by or "–"

    @display(description=_("retired"), ordering="retired_on")
    def shown_retired(self, form: ConsentForm) -> str:
        return day(form.retired_on)


def _write(by: Actor, study: Study, form: ConsentForm, part: str, bodies: dict[str, str]) -> None:
    now = clock.now()
    if part in Block.values:
        services.write_block(by=by, study=study, form=form, block=part, bodies=bodies, now=now)
    else:
        purpose = part.removeprefix("ask-")
        services.write_question(by=by, study=study, form=form, purpose=purpose, bodies=bodies, now=now)


def _before(form: ConsentForm) -> ConsentForm | None:
    """The form it was written from, or else the one before it in its study."""
    if form.based_on is not None:
        return form.based_on
    older = ConsentForm.objects.filter(study_key=form.study_key, number__lt=form.number)
    return older.order_by("-number").first()


def _parts(form: ConsentForm, languages: list[str]) -> list[dict[str, Any]]:
    """Each block and each purpose with its words by language; two queries."""
    words = {(one.block, one.language): one.body for one in form.blocks.all()}
    for text in form.texts.all():
        words |= {(f"ask-{purpose}", text.language): text.body for purpose in text.grants}
    return [
        {
            "part": part,
            "name": name,
            "question": part not in Block.values,
            "bodies": [words.get((part, language), "") for language in languages],
        }
        for part, name in PARTS.items()
    ]
