"""Pages that belong to no table: a form about one of a person's studies, what it does, where it leads."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.functional import Promise

from panel import clock
from panel.desk import guard
from panel.desk.base import carry_out
from panel.desk.forms import StudyForm
from panel.desk.site import desk
from panel.members import permissions
from panel.members.rules import Verb

Words = str | Promise


@dataclass(frozen=True)
class Done:
    """What to say after it was done, and where to go."""

    said: Words
    url: str


@dataclass(frozen=True)
class Shown:
    """What to show in answer to the POST itself; it has no address of its own."""

    template: str
    context: dict[str, Any]


def act(
    request: HttpRequest,
    verb: Verb,
    form_class: type[StudyForm],
    do: Callable[..., Done | Shown],
    *,
    template: str = "desk/act.html",
    initial: dict[str, Any] | None = None,
    **words: Any,
) -> HttpResponse:
    """GET shows the form; POST does it, for a study in which this person may."""
    studies = guard.studies_for(request, verb)
    if request.method != "POST":
        return page(request, template, {"form": form_class(studies=studies, initial=initial), **words})
    form = form_class(request.POST, request.FILES, studies=studies)
    by = guard.actor(request)

    def checked(**given: Any) -> Done | Shown:
        permissions.check(by, given["study"], verb)
        return do(by=by, now=clock.now(), **given)

    done, status = carry_out(form, checked)
    if isinstance(done, Done):
        messages.success(request, str(done.said))
        return HttpResponseRedirect(done.url)
    if isinstance(done, Shown):
        return page(request, done.template, {"form": form, **words, **done.context})
    return page(request, template, {"form": form, **words}, status=status)


def page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """A page of the desk."""
    request.current_app = desk.name  # type: ignore[attr-defined]
    return TemplateResponse(request, template, {**desk.each_context(request), **context}, status=status)
