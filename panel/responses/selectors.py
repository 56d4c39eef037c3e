"""Reads of answers: one case's, and a wave's as coded rows. Decides nothing about who may see them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from panel.instruments.coding import Code, coded
from panel.instruments.selectors import questionnaire
from panel.members.models import Hold, PanelMember
from panel.responses.models import Response
from panel.responses.rules import Standing
from panel.waves.models import Case, Wave

CHUNK = 500


@dataclass(frozen=True, slots=True)
class CodedRow:
    """One response as columns of a file. `member` joins it to wave 0 in the service, never in a file."""

    member: UUID
    language: str
    completed: bool
    values: Mapping[str, Code]


def response_of(case: Case) -> Response:
    """The case's response, or an empty unsaved one: looking at a page stores nothing (NEV-08)."""
    heavy = ("instrument__source", "instrument__compiled")
    found = Response.objects.select_related("instrument").defer(*heavy).filter(case=case).first()
    return found or Response(case=case, instrument=case.wave.questions, language=case.member.language)


def language_of(case: Case) -> str:
    """The language the respondent answered in last, or the member's."""
    return response_of(case).language


def standing(case: Case, response: Response) -> Standing:
    """What decides whether the case may be answered, read now."""
    wave, member = case.wave, case.member
    return Standing(
        opens_at=wave.opens_at,
        closes_at=wave.closes_at,
        wave_open=wave.status == Wave.Status.OPEN,
        wave_closed=wave.status == Wave.Status.CLOSED,
        member_active=member.status == PanelMember.Status.ACTIVE,
        held=member.holds.filter(lifted_at=None).exclude(kind=Hold.Kind.RECONSENT).exists(),
        completed=response.completed_at is not None,
    )


def of_wave(wave: Wave) -> QuerySet[Response]:
    """All responses of a wave that may be used (LAW-06, LAW-10)."""
    usable = PanelMember.objects.filter(study=wave.study_id).usable()
    return Response.objects.filter(case__wave=wave, case__member__in=usable).order_by("id")


def completed(wave: Wave) -> QuerySet[Response]:
    """The completed ones."""
    return of_wave(wave).filter(completed_at__isnull=False)


def coded_rows(wave: Wave, *, partials: bool = False) -> Iterator[CodedRow]:
    """A wave's usable responses as coded rows, in an order that tells nothing; flat in memory."""
    q = questionnaire(wave.questions)
    found = of_wave(wave) if partials else completed(wave)
    for response in found.select_related("case").iterator(chunk_size=CHUNK):
        broke_off = None if response.completed_at else response.page or q.pages[0].name
        yield CodedRow(
            member=response.case.member_id,
            language=response.language,
            completed=response.completed_at is not None,
            values=coded(q, response.answers, broke_off=broke_off),
        )
