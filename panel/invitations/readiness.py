"""What a study still lacks before anything may be sent (NO-01): each gap with the sentence that says what to do.

Asked in sets where letters are claimed and once more where they are made ready. Where a gap is mended at the
desk stands in panel/desk; writing what is missing is panel/members/setup.py's.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from consent import selectors as consent
from panel.invitations.models import Letter, LetterKind, LetterText
from panel.invitations.rules import SURVEY_MAIL
from panel.members.models import StaffRole, Study, StudyDecision
from panel.waves.plans import usual_plan


@dataclass(frozen=True)
class Missing:
    """One gap: its name, and what to do about it."""

    what: str
    sentence: str | Promise


@dataclass(frozen=True)
class Shelves:
    """What of these studies stands in other tables, read at once."""

    led: frozenset[UUID]
    assessed: frozenset[UUID]
    letters: Mapping[UUID, frozenset[tuple[str, str]]]
    informing: frozenset[UUID]


#: Fields of the study that must be filled in; then what others do for it. In the order of setting up.
FIELDS: Mapping[str, str | Promise] = {
    "institution": _("Say which institution is responsible."),
    "sikt_reference": _("Fill in the reference of Sikt’s assessment."),
    "sikt_assessed_on": _("Fill in the day of Sikt’s assessment."),
    "ends_on": _("Fill in the day on which the project ends, as members were told."),
    "dpo_contact": _("Fill in how the institution’s data-protection officer is reached."),
}
LEADER = _("Give somebody the role of project leader. An operator does it with `manage.py assign_role`.")
DPIA = _(
    "Record whether a data-protection impact assessment (DPIA) is needed, and what it found. "
    "The project leader decides."
)
FORM = _(
    "Approve a consent form whose information letter has all its blocks in each of the study’s languages. "
    "The project leader approves it."
)
LETTERS = _("Approve the letters in “{language}” that are missing: {kinds}.")


#: Every letter that answers somebody or is what the law demands, and those of a usual wave's plan. A plan that has
#: others asks for them when it is approved.
NEEDED = tuple(
    kind
    for kind in LetterKind
    if kind not in SURVEY_MAIL or kind in {step.kind.value for step in usual_plan(reminder_days=[7]).steps}
)


def missing(study: Study) -> list[Missing]:
    """What this study lacks; nothing may be sent until the list is empty."""
    return missing_of([study])[study.pk]


def missing_of(studies: Iterable[Study]) -> dict[UUID, list[Missing]]:
    """What each of these studies lacks, in as many queries for many as for one."""
    studies = list(studies)
    of = _shelves(studies)
    return {study.pk: [*_gaps(study, of), *_letters_missing(study, of)] for study in studies}


def unready(studies: Iterable[Study]) -> set[UUID]:
    """Those of these studies that may not send."""
    return {pk for pk, gaps in missing_of(studies).items() if gaps}


def _gaps(study: Study, of: Shelves) -> list[Missing]:
    gaps = [
        Missing(name, sentence)
        for name, sentence in FIELDS.items()
        if not str(getattr(study, name) or "").strip()
    ]
    if study.pk not in of.led:
        gaps.append(Missing("leader", LEADER))
    if study.pk not in of.assessed:
        gaps.append(Missing("dpia", DPIA))
    if study.key not in of.informing:
        gaps.append(Missing("form", FORM))
    return gaps


def _letters_missing(study: Study, of: Shelves) -> list[Missing]:
    """An approved letter of each kind that is needed, in each of the study's languages; one sentence per language."""
    gaps = []
    for language in study.languages:
        approved = {kind for kind, of_language in of.letters.get(study.pk, ()) if of_language == language}
        absent = [kind for kind in NEEDED if kind not in approved]
        if absent:
            words = format_lazy(LETTERS, language=language, kinds=_listed(absent))
            gaps.append(Missing(f"letters:{language}", words))
    return gaps


def _shelves(studies: list[Study]) -> Shelves:
    leaders = StaffRole.objects.filter(
        study__in=studies, role=StaffRole.Role.LEADER, user__is_active=True
    ).values_list("study", flat=True)
    decided = StudyDecision.objects.filter(study__in=studies, setting=StudyDecision.Setting.DPIA).values_list(
        "study", flat=True
    )
    approved = LetterText.objects.filter(
        letter__study__in=studies, letter__state=Letter.State.APPROVED, letter__name=Letter.STANDARD
    )
    letters: dict[UUID, set[tuple[str, str]]] = defaultdict(set)
    for study, kind, language in approved.values_list("letter__study", "letter__kind", "language"):
        letters[study].add((kind, language))
    shelved = {study: frozenset(found) for study, found in letters.items()}
    forms = consent.current_forms({study.key: study.languages for study in studies})
    return Shelves(frozenset(leaders), frozenset(decided), shelved, frozenset(forms))


def _listed(kinds: list[LetterKind]) -> Promise:
    return format_lazy(", ".join(["“{}”"] * len(kinds)), *(kind.label for kind in kinds))
