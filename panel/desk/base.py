"""What all sections of the desk share: lists narrowed to one's studies, pages of one object, confirmed steps.

Django's model permissions play no part: a section names the verb that opens it, a step the verb that does it.
No row is added, edited or deleted here; every write is a service's, and no LogEntry is written.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin import ShowFacets, display
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from consent.errors import ConsentError
from panel import clock
from panel.desk import guard
from panel.desk.forms import DeskForm
from panel.desk.words import colour
from panel.errors import BadInput, NotAllowed, NotNow, status_of
from panel.members import permissions
from panel.members.models import Study
from panel.members.rules import Verb

M = TypeVar("M", bound=Model)
Words = str | Promise


@dataclass(frozen=True)
class Step(Generic[M]):
    """One thing that can be done with an object: a button, a page to confirm, a POST that does it."""

    slug: str
    verb: Verb
    name: Words
    sentence: Words
    act: Callable[..., Words]  # (by, obj, now, **cleaned) -> what to say afterwards
    fits: Callable[[M], bool] = lambda obj: True
    form: type[DeskForm] = DeskForm
    danger: bool = False
    initial: Callable[[M], dict[str, Any]] = lambda obj: {}
    before: Callable[[M], Words] = lambda obj: ""  # what to know before it is done, as it stands now


def column(field: str, title: Words) -> Callable[[Any, Any], Any]:
    """A field as a list's column under a title in the reader's language; models name their fields in English."""

    @display(description=title, ordering=field)  # type: ignore[arg-type]  # takes any lazy text
    def shown(self: Any, obj: Any) -> Any:
        in_words = getattr(obj, f"get_{field}_display", None)
        return in_words() if in_words else getattr(obj, field)

    return shown


class Pages(Paginator):  # type: ignore[type-arg]
    """Django's, with our words for what it counts."""

    template_name = "desk/pages.html"


class DeskAdmin(ModelAdmin, Generic[M]):  # type: ignore[misc]
    """A section: a list, a page for each object, and its steps."""

    path_prefix: ClassVar[str]
    see: ClassVar[tuple[Verb, ...]]
    study_path: ClassVar[str] = "study"
    detail_template: ClassVar[str] = ""
    steps: ClassVar[Sequence[Step[Any]]] = ()
    sentence: ClassVar[Words] = ""
    empty: ClassVar[Words] = ""
    change_list_template = "desk/list.html"
    list_before_template = "desk/list_before.html"
    heading: ClassVar[Words] = ""
    list_filter_sheet = False
    list_fullwidth = False
    actions = None
    paginator = Pages
    show_facets = ShowFacets.NEVER
    list_per_page = 50

    # --- who may

    def studies(self, request: HttpRequest) -> QuerySet[Study]:
        """The studies of which this person may see this section."""
        seen = Study.objects.none()
        for verb in self.see:
            seen = seen | permissions.studies_for(request.user, verb)
        return seen

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.studies(request).exists()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        found: QuerySet[M] = super().get_queryset(request)
        return found.filter(**{f"{self.study_path}__in": self.studies(request)})

    def study_of(self, obj: M) -> Study:
        """The study an object belongs to."""
        found: Any = obj
        for name in self.study_path.split("__"):
            found = getattr(found, name)
        return found if isinstance(found, Study) else Study.objects.get(pk=found)

    def visible(self, request: HttpRequest, pk: UUID) -> M:
        """The object, if it is of this person's studies; else 404, as if there were none."""
        if not self.has_view_permission(request):
            raise NotAllowed(_("None of your roles opens this page."))
        found = self.get_queryset(request).filter(pk=pk).first()
        if found is None:
            raise Http404
        return found

    # --- routes

    def get_urls(self) -> list[URLPattern]:
        inside, name = self.admin_site.admin_view, f"{self.opts.app_label}_{self.opts.model_name}"
        urls = [path("", inside(self.changelist_view), name=f"{name}_changelist"), *self.extra_urls()]
        if self.detail_template:
            urls.append(path("<uuid:pk>/", inside(self.detail_view), name=f"{name}_change"))
        if self.steps:
            urls.append(path("<uuid:pk>/<slug:slug>/", inside(self.step_view), name=f"{name}_step"))
        return urls

    def extra_urls(self) -> list[URLPattern]:
        """More pages of this section."""
        return []

    def url(self, kind: str, *args: Any) -> str:
        """The address of one of this section's pages."""
        return reverse(f"desk:{self.opts.app_label}_{self.opts.model_name}_{kind}", args=args)

    # --- pages

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        words = {"sentence": self.sentence, "empty": self.empty, "buttons": self.list_buttons(request)}
        context = {"title": self.heading, **words, **(extra_context or {})}
        answer: HttpResponse = super().changelist_view(request, context)
        return answer

    def list_buttons(self, request: HttpRequest) -> list[dict[str, Any]]:
        """What can be begun from the list: dicts with `name` and `url`."""
        return []

    def detail_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """The page of one object."""
        obj = self.visible(request, pk)
        may = guard.verbs(request, self.study_of(obj))
        buttons = [
            {"name": step.name, "url": self.url("step", pk, step.slug), "danger": step.danger}
            for step in self.steps
            if step.verb in may and step.fits(obj)
        ]
        context = {"buttons": buttons, "colour": colour(obj), **self.detail(request, obj, may)}
        return self.render(request, self.detail_template, obj, context)

    def detail(self, request: HttpRequest, obj: M, may: frozenset[Verb]) -> dict[str, Any]:
        """What the page of one object shows."""
        return {}

    def step_view(self, request: HttpRequest, pk: UUID, slug: str) -> HttpResponse:
        """Shows what a step will do (GET) and does it (POST)."""
        obj = self.visible(request, pk)
        step = next((one for one in self.steps if one.slug == slug), None)
        if step is None:
            raise Http404
        by = guard.actor(request)
        permissions.check(by, self.study_of(obj), step.verb)
        form = step.form(request.POST if request.method == "POST" else None, initial=step.initial(obj))
        status = 200
        if request.method == "POST":
            said, status = carry_out(form, lambda **given: step.act(by=by, obj=obj, now=clock.now(), **given))
            if status == 200:
                messages.success(request, str(said))
                return HttpResponseRedirect(self.after(obj))
        context = {"step": step, "form": form, "back": self.after(obj), "before": step.before(obj)}
        return self.render(request, "desk/step.html", obj, context, status=status)

    def after(self, obj: M) -> str:
        """Where a person goes after a step."""
        return self.url("change", obj.pk) if self.detail_template else self.url("changelist")

    def render(
        self, request: HttpRequest, template: str, obj: M, context: dict[str, Any], *, status: int = 200
    ) -> HttpResponse:
        """One of this section's pages."""
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        words = {
            "title": str(obj),
            "obj": obj,
            "section": self.heading,
            "list": self.url("changelist"),
        }
        page = {**self.admin_site.each_context(request), **words, **context}
        return TemplateResponse(request, template, page, status=status)


def carry_out(form: forms.Form, act: Callable[..., Any]) -> tuple[Any, int]:
    """Does it with what the form holds; what can't be done is said in the form, with its status."""
    if not form.is_valid():
        return None, 400
    try:
        return act(**form.cleaned_data), 200
    except (BadInput, NotNow, ConsentError) as refusal:
        form.add_error(None, str(refusal))
        return None, status_of(refusal)
