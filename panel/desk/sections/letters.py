"""Letters: written in each language with what is wrong told at once, previewed, compared, tried, approved by another.

What a letter must hold and who may is panel/invitations'.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from panel import clock
from panel.audit.rules import Actor
from panel.desk import guard, pages
from panel.desk.base import DeskAdmin, Step, Words, carry_out, column
from panel.desk.changes import changes
from panel.desk.forms import Choice, DeskForm, LongText, StudyForm, Text
from panel.desk.words import colour, label
from panel.desk.words import language as language_name
from panel.errors import NotNow
from panel.invitations import letter_versions as versions
from panel.invitations import letters, trying, wording
from panel.invitations.models import Letter, LetterKind, LetterText
from panel.members import permissions
from panel.members.models import Study
from panel.members.rules import Verb

State = Letter.State


class ApproveForm(DeskForm):
    """The words that were read: others, written meanwhile, are not approved."""

    seen = forms.CharField(widget=forms.HiddenInput)


class TryForm(DeskForm):
    """One of the languages that have words."""

    language = Choice(label=_("Language"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["language"]
        field.choices = [(one, language_name(one)) for one in self.initial["languages"]]


class NewForm(StudyForm):
    """The first version of a letter."""

    kind = Choice(label=_("Kind"), choices=LetterKind.choices)
    name = Text(
        label=_("Name"),
        max_length=40,
        initial=Letter.STANDARD,
        help_text=_(
            "“standard” for the one that goes unless a plan names another; a name such as “second-reminder” for "
            "others of its kind."
        ),
    )


class WordsForm(DeskForm):
    """A letter's words in one language; each field runs the way of what is written in it."""

    subject = Text(label=_("Subject"), required=False, max_length=None)
    body = LongText(
        label=_("Letter"),
        required=False,
        max_length=None,
        help_text=_("Plain text. A blank line begins a paragraph; a link stands on a line of its own."),
    )
    shared_line = Text(
        label=_("Line for shared addresses"),
        required=False,
        max_length=None,
        help_text=_(
            "Stands at {for_whom} where several members share an address, and says whose letter it is."
        ),
    )

    def __init__(self, *args: Any, language: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        written = {"lang": language, "dir": "auto"}
        self.fields["subject"].widget = UnfoldAdminTextInputWidget({"autocomplete": "off", **written})
        self.fields["body"].widget = UnfoldAdminTextareaWidget({"rows": 26, **written})
        self.fields["shared_line"].widget = UnfoldAdminTextInputWidget({"autocomplete": "off", **written})


def _approve(*, by: Actor, obj: Letter, now: datetime, seen: str) -> Words:
    versions.approve(by=by, letter=obj, seen=seen, now=now)
    return _("Approved. No word of it changes any more.")


def _copy(*, by: Actor, obj: Letter, now: datetime) -> Words:
    versions.draft(by=by, study=obj.study, kind=obj.kind, name=obj.name, now=now)
    return _("This is the new draft, with the words of the newest version.")


def _try(*, by: Actor, obj: Letter, now: datetime, language: str) -> Words:
    trying.send_to_self(by=by, letter=obj, language=language, now=now)
    return gettext("On its way to %(address)s, within a minute.") % {"address": trying.address_of(by.name)}


def _retire(*, by: Actor, obj: Letter, now: datetime) -> Words:
    versions.retire(by=by, letter=obj, now=now)
    return _("Retired. No plan takes it any more.")


def _discard(*, by: Actor, obj: Letter, now: datetime) -> Words:
    versions.discard(by=by, letter=obj, now=now)
    return _("The draft is gone.")


def _written(letter: Letter) -> dict[str, LetterText]:
    return {text.language: text for text in letter.texts.all()}


class LetterAdmin(DeskAdmin[Letter]):
    """One row for each version of each letter."""

    path_prefix = "letters"
    heading = _("Letters")
    see = (Verb.DRAFT_LETTER,)
    detail_template = "desk/letter_version.html"
    sentence = _(
        "What members are written. One person writes, a project leader who wrote nothing of it approves; "
        "approved words never change, a new version is written from them."
    )
    empty = _("No letter yet. Nothing is sent before the letters are approved.")
    shown_version = column("version", _("version"))
    shown_name = column("name", _("name"))
    list_display = (
        "shown_kind",
        "shown_name",
        "shown_version",
        "shown_state",
        "shown_languages",
        "shown_missing",
        "shown_approved",
    )
    list_display_links = ("shown_kind",)
    list_filter = ("state", "kind")
    ordering = ("kind", "name", "-version")
    list_per_page = 100
    steps = (
        Step[Letter](
            "approve", Verb.APPROVE_LETTER, _("Approve"),
            _("From then on no word of it changes, and new letters of its kind say this."),
            _approve, lambda letter: letter.state == State.DRAFT, ApproveForm,
            initial=lambda letter: {"seen": versions.fingerprint(letter)},
        ),
        Step[Letter](
            "new-version", Verb.DRAFT_LETTER, _("Write a new version"),
            _("A draft with the words of the newest version. What was approved goes on until the draft is approved."),
            _copy, lambda letter: letter.state != State.DRAFT,
        ),
        Step[Letter](
            "try", Verb.DRAFT_LETTER, _("Send it to myself"),
            _(
                "A trial goes to the address of your own log-in, with invented values; its links lead nowhere. It "
                "counts for nothing."
            ),
            _try, form=TryForm, initial=lambda letter: {"languages": sorted(_written(letter))},
        ),
        Step[Letter](
            "retire-version", Verb.APPROVE_LETTER, _("Retire"),
            _("No plan takes it any more. A version that a wave uses stays until the wave is closed."),
            _retire, lambda letter: letter.state == State.APPROVED, danger=True,
        ),
        Step[Letter](
            "delete", Verb.DRAFT_LETTER, _("Delete the draft"), _("Its words are deleted."),
            _discard, lambda letter: letter.state == State.DRAFT, danger=True,
        ),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Letter]:
        return super().get_queryset(request).select_related("study").prefetch_related("texts")

    def extra_urls(self) -> list[URLPattern]:
        inside, name = self.admin_site.admin_view, "invitations_letter"
        return [
            path("new/", inside(self.new_view), name=f"{name}_new"),
            path("<uuid:pk>/words/<str:language>/", inside(self.words_view), name=f"{name}_words"),
            path("<uuid:pk>/preview/<str:language>/", inside(self.preview_view), name=f"{name}_preview"),
            path("<uuid:pk>/changes/<str:language>/", inside(self.changes_view), name=f"{name}_changes"),
        ]

    def list_buttons(self, request: HttpRequest) -> list[dict[str, Any]]:
        return [{"name": _("Write a new letter"), "url": self.url("new")}]

    def after(self, obj: Letter) -> str:
        """To the draft where there is one now; to the list where this one is gone."""
        same = Letter.objects.filter(study=obj.study, kind=obj.kind, name=obj.name)
        draft = same.filter(state=State.DRAFT).first()
        if draft or same.filter(pk=obj.pk).exists():
            return super().after(draft or obj)
        return self.url("changelist")

    def detail(self, request: HttpRequest, obj: Letter, may: frozenset[Verb]) -> dict[str, Any]:
        draft, written = obj.state == State.DRAFT, _written(obj)
        languages = [*obj.study.languages, *sorted(set(written) - set(obj.study.languages))]
        user = request.user.get_username()
        return {
            "texts": [(language, written.get(language)) for language in languages],
            "lacks": versions.lacks(obj) if draft else [],
            "used": versions.used_by(obj),
            "writes": draft and Verb.DRAFT_LETTER in may,
            "own": draft and Verb.APPROVE_LETTER in may and user in obj.writers,
            "before": _before(obj),
            "history": _versions(obj).order_by("-version"),
            "trials": obj.trials.filter(to=user).order_by("-asked_at")[:5],
        }

    def new_view(self, request: HttpRequest) -> HttpResponse:
        """The first version of a letter, or of one with a name of its own."""

        def act(by: Actor, now: datetime, study: Study, kind: str, name: str) -> pages.Done:
            letter = versions.draft(by=by, study=study, kind=kind, name=name, now=now)
            return pages.Done(_("The draft is there. Write its words in each language."),
                              self.url("change", letter.pk))  # fmt: skip

        return pages.act(
            request,
            Verb.DRAFT_LETTER,
            NewForm,
            act,
            title=_("Write a new letter"),
            sentence=_("Where there is a letter of this kind, the draft begins with its words."),
            button=_("Make the draft"),
        )

    def words_view(self, request: HttpRequest, pk: UUID, language: str) -> HttpResponse:
        """Writes a draft's words in one language; all that is wrong with them is said at once."""
        obj, by = self.visible(request, pk), guard.actor(request)
        permissions.check(by, obj.study, Verb.DRAFT_LETTER)
        if language not in obj.study.languages:
            raise Http404
        if obj.state != State.DRAFT:
            raise NotNow(_("An approved letter can't be changed. Write a new version."))
        text, status = _written(obj).get(language), 200
        initial = vars(text) if text else {}
        form = WordsForm(request.POST or None, initial=initial, language=language)
        if request.method == "POST":
            status = _write(by, obj, language, form)
            if status == 200:
                messages.success(request, gettext("Saved."))
                return HttpResponseRedirect(self.url("preview", pk, language))
        context = {
            "form": form,
            "language": language,
            "placeholders": _placeholders(obj, language),
            "back": self.url("change", pk),
        }
        return self.render(request, "desk/letter_words.html", obj, context, status=status)

    def preview_view(self, request: HttpRequest, pk: UUID, language: str) -> HttpResponse:
        """The letter as members get it: beside its subject, as text, as HTML wide and on a phone; invented values."""
        obj = self.visible(request, pk)
        written = _written(obj)
        if language not in written:
            raise Http404
        text = written[language]
        prepared = letters.prepare(text, obj.study)
        mark = wording.PLACEHOLDERS["mark"].example if request.GET.get("shared") else ""
        plain, html = prepared.fill(trying.values(clock.now()), mark)
        context = {
            "language": language,
            "languages": sorted(written),
            "prepared": prepared,
            "preheader": wording.preheader(letters.words_of(obj, text), obj.study),
            "plain": plain,
            "html": html,
            "shared": bool(mark),
            "rtl": letters.is_rtl(language),
            "back": self.url("change", pk),
        }
        return self.render(request, "desk/letter_preview.html", obj, context)

    def changes_view(self, request: HttpRequest, pk: UUID, language: str) -> HttpResponse:
        """What differs from the version before, word by word."""
        obj = self.visible(request, pk)
        before = _before(obj)
        if before is None or language not in obj.study.languages:
            raise Http404
        old, new = _written(before).get(language), _written(obj).get(language)
        parts = [(name, wording.PARTS[name]) for name in wording.LONGEST]
        rows = [(words, changes(getattr(old, name, ""), getattr(new, name, ""))) for name, words in parts]
        context = {
            "before": before,
            "language": language,
            "languages": obj.study.languages,
            "rows": [row for row in rows if any(piece.kind != "same" for piece in row[1])],
            "back": self.url("change", pk),
        }
        return self.render(request, "desk/letter_changes.html", obj, context)

    @display(description=_("kind"), ordering="kind")
    def shown_kind(self, letter: Letter) -> str:
        return str(letter.get_kind_display())

    @display(description=_("state"), ordering="state")
    def shown_state(self, letter: Letter) -> SafeString:
        return label(letter.get_state_display(), colour(letter))

    @display(description=_("languages"))
    def shown_languages(self, letter: Letter) -> str:
        return ", ".join(sorted(_written(letter))) or "–"

    @display(description=_("lacks"))
    def shown_missing(self, letter: Letter) -> str:
        return ", ".join(versions.missing_languages(letter)) or "–"

    @display(description=_("approved by"), ordering="approved_by")
    def shown_approved(self, letter: Letter) -> str:
        return letter.approved_by or "–"


def _write(by: Actor, letter: Letter, language: str, form: WordsForm) -> int:
    """Puts each problem into the form as a line of its own; returns the page's status."""
    if form.is_valid():
        given = form.cleaned_data
        words = versions.tidied(letters.Words(letter.kind, language, **given))
        for one in wording.problems(words, letter.study):
            form.add_error(None, one)
    if form.errors:
        return 400
    _done, status = carry_out(
        form, lambda **_given: versions.write(by=by, letter=letter, words=words, now=clock.now())
    )
    return status


def _versions(letter: Letter) -> QuerySet[Letter]:
    return Letter.objects.filter(study=letter.study, kind=letter.kind, name=letter.name)


def _before(letter: Letter) -> Letter | None:
    older = _versions(letter).filter(version__lt=letter.version)
    return older.prefetch_related("texts").order_by("-version").first()


def _placeholders(letter: Letter, language: str) -> list[dict[str, Any]]:
    """What this kind of letter may hold, with what stands for it and whether it must be there."""
    must, may = wording.must_have(letter.kind), wording.may_have(letter.kind)
    examples = {**trying.values(clock.now()), **letters.of_study(letter.study, language)}
    return [
        {
            "name": f"{{{name}}}",
            "sentence": one.sentence,
            "example": examples.get(name) or one.example,
            "must": name in must or name == "mark",
        }
        for name, one in wording.PLACEHOLDERS.items()
        if name in may or name == "mark"
    ]
