"""Reads of instruments. A version's form never changes, so it is read and built once in a process."""

from functools import lru_cache
from uuid import UUID

from django.utils.translation import gettext as _

from panel.errors import NotFound
from panel.instruments.models import InstrumentVersion
from panel.instruments.questionnaire import Questionnaire
from panel.members.models import Study


def questionnaire(version: InstrumentVersion) -> Questionnaire:
    """The compiled form of a version, ready to be asked."""
    return _built(version.pk)


@lru_cache(maxsize=64)
def _built(version: UUID) -> Questionnaire:
    stored = InstrumentVersion.objects.values_list("compiled", flat=True).get(pk=version)
    return Questionnaire.from_json(stored)


def approved(study: Study, slug: str, number: int | None = None) -> InstrumentVersion:
    """An approved version of a study's instrument: the one of this number, or the newest."""
    versions = InstrumentVersion.objects.select_related("instrument__study").filter(
        instrument__study=study, instrument__slug=slug, status=InstrumentVersion.Status.APPROVED
    )
    if number is not None:
        versions = versions.filter(number=number)
    found = versions.order_by("-number").first()
    if found is None:
        raise NotFound(_("This study has no approved questionnaire of that name. Import one and approve it."))
    return found
