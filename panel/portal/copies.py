"""A copy of everything held (LAW-08): asked for on the own page, fetched by a link from the mailbox.

GET shows a button, for whoever fetches it here leaves it on this device; POST delivers, as a page or as JSON.
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation

from panel.audit.rules import Actor
from panel.errors import NotNow, Refusal
from panel.invitations import links
from panel.invitations.models import Link
from panel.members.models import PanelMember
from panel.portal import words
from panel.portal.guard import Visit, page, respondents, said, see_other, visit, wrong_link
from panel.rights import copies
from panel.rights.overview import contact_gone

#: Neutral names: a list of downloads is read by others too (NEV-07).
FILES = {"page": ("copy.html", "text/html; charset=utf-8"), "json": ("copy.json", "application/json")}


@respondents("GET", "POST")
def ask(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for a copy: a letter brings its link. Who has no address here any more gets the link at once."""
    came = visit(request, token, Link.Use.OWN)
    if came is None:
        return wrong_link(request)
    if request.method != "POST":
        return _ask_page(came, asked=request.GET.get("note") == "asked")
    try:
        asked = copies.ask_copy(by=Actor.member(came.member.code), member=came.member, now=came.now)
    except Refusal as refusal:
        return _ask_page(came, told=said(refusal, came.lang), status=409)
    if asked.token:
        return see_other(came.address(f"/{links.PATHS[Link.Use.COPY]}/{asked.token}"))
    return see_other(came.address(note="asked"))


def _ask_page(came: Visit, *, asked: bool = False, told: str = "", status: int = 200) -> HttpResponse:
    context = came.common() | {
        "asked": asked,
        "told": told,
        "deleting": came.member.status == PanelMember.Status.DELETING,
        "contact_gone": contact_gone(came.member),
        "days": links.REQUEST_DAYS.days,
        "action": came.address(),
        "back": came.address(came.home),
    }
    return page("copy_ask", context, lang=came.lang, status=status)


@respondents("GET", "POST")
def fetch(request: HttpRequest, token: str) -> HttpResponse:
    """The copy itself, by its link."""
    came = visit(request, token, Link.Use.COPY)
    if came is None:
        return wrong_link(request)
    wanted = request.POST.get("as", "")
    if request.method != "POST" or wanted not in FILES:
        return _fetch_page(came)
    by = Actor.member(came.member.code)
    try:
        contents = copies.fetch_copy(by=by, link=came.link, token=token, now=came.now)
    except NotNow as refusal:
        return _fetch_page(came, told=said(refusal, came.lang), status=409)
    name, kind = FILES[wanted]
    body = _readable(contents, came.lang) if wanted == "page" else _machine(contents)
    return HttpResponse(
        body, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def _fetch_page(came: Visit, *, told: str = "", status: int = 200) -> HttpResponse:
    context = came.common() | {
        "ready": copies.is_ready(came.link),
        "told": told,
        "until": came.link.made_on + links.REQUEST_DAYS,
        "action": came.address(),
    }
    return page("copy", context, lang=came.lang, status=status)


# --- as a file


def _machine(contents: Mapping[str, Any]) -> str:
    return json.dumps(contents, ensure_ascii=False, indent=1)


def _readable(contents: Mapping[str, Any], lang: str) -> str:
    """One page without anything from elsewhere, so that it can be kept and printed."""
    about = contents["about"]
    context = {
        **contents,
        "made_on": date.fromisoformat(contents["made_on"]),
        "basis": words.BASES[about["legal_basis"]],
        "kept_until": _day(about["kept_until"]),
        "project_ends": _day(about["project_ends"]),
        "outside": [
            {"kind": words.OUTSIDE[one["kind"]], "holder": one["holder"]}
            for one in about["recipients"]
            if one["kind"] in words.OUTSIDE
        ],
        "consents": [
            {**one, "purpose": words.PURPOSES.get(one["purpose"], one["purpose"]),
             "action": words.ACTIONS[one["action"]], "day": _day(one["day"])}
            for one in contents["consents"]
        ],
        "surveys": [
            {**one, "started_on": _day(one["started_on"]), "finished_on": _day(one["finished_on"])}
            for one in contents["surveys"]
        ],
        "messages": [{**one, "day": _day(one["day"])} for one in contents["messages"]],
        "tables": [_table(label, one) for label, one in contents["records"].items()],
    }  # fmt: skip
    with translation.override(lang):
        return render_to_string("portal/copy_file.html", context)


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _table(label: str, one: Mapping[str, Any]) -> dict[str, Any]:
    """A table as it is stored: its name, what it is for, and each row as name and value."""
    rows = [[(name, _shown(value)) for name, value in row.items()] for row in one["rows"]]
    return {"label": label, "purpose": one["purpose"], "kept": one["kept"], "rows": rows}


def _shown(value: object) -> str:
    if value is None or value == "":
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
