"""A judged file against what is there: erased rows, members, shared addresses, stored rows, consent wording.

Reads only. What comes out is the whole plan of an enrolment; admission.py carries it out.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext as _

from consent import selectors as consent
from consent.errors import ConsentError
from consent.models import ConsentText
from panel.enrolment import rules
from panel.enrolment.mapping import Recruitment
from panel.enrolment.models import ErasedRow, RecruitmentRecord
from panel.enrolment.rules import JudgedRow, Outcome
from panel.errors import BadInput
from panel.keys.macs import Index
from panel.members.models import PanelMember, Study
from panel.sets import batched
from panel.vault import services as vault
from panel.vault import suppression

GONE = (PanelMember.Status.LEFT, PanelMember.Status.DELETING)

Person = tuple[str, str, str]
Texts = Mapping[tuple[str, str, str], ConsentText]


@dataclass(frozen=True)
class Record:
    """What is stored of a row that was seen before."""

    pk: uuid.UUID
    has_member: bool
    has_left: bool = False


@dataclass(frozen=True)
class Plan:
    """All rows with their final outcome, and what admitting them would write."""

    mapping: Recruitment
    rows: list[JudgedRow] = field(repr=False)
    texts: Texts = field(repr=False)
    fingerprints: Mapping[int, bytes] = field(repr=False)
    stored: Mapping[bytes, Record] = field(repr=False)
    shared: Mapping[int, uuid.UUID] = field(repr=False)
    newly_shared: Mapping[uuid.UUID, list[PanelMember]] = field(repr=False)
    sharing: int = 0

    @property
    def enrolled(self) -> list[JudgedRow]:
        return [row for row in self.rows if row.outcome == Outcome.ENROLLED]

    @property
    def new_answers(self) -> list[JudgedRow]:
        """Rows whose answers aren't stored yet."""
        keep = (row for row in self.rows if row.keeps_answers and row.outcome != Outcome.ALREADY_MEMBER)
        return [row for row in keep if self.fingerprints.get(row.line, b"") not in self.stored]


def plan(*, study: Study, mapping: Recruitment, rows: Sequence[JudgedRow]) -> Plan:
    """Settles what the file alone can't tell. Makes no key and opens no vault for a study that is empty."""
    known = _known(study, mapping, rows)
    fingerprints = _fingerprints(study, rows)
    stored = _stored(study, fingerprints.values())
    # After the records: what is erased meanwhile is found in one of the two.
    erased = _erased(study, fingerprints.values())
    rows = [_without_the_erased(row, fingerprints.get(row.line) in erased) for row in rows]
    seen = {line: stored[mark] for line, mark in fingerprints.items() if mark in stored}
    settled = [_settled(row, mapping, known, seen.get(row.line)) for row in rows]
    settled = _without_the_suppressed(study, settled)
    enrolled = [row for row in settled if row.outcome == Outcome.ENROLLED]
    shared, newly_shared, sharing = _share(enrolled, known)
    return Plan(
        mapping=mapping,
        rows=settled,
        texts=_texts(study, enrolled),
        fingerprints=fingerprints,
        stored=stored,
        shared=shared,
        newly_shared=newly_shared,
        sharing=sharing,
    )


def _without_the_erased(row: JudgedRow, is_erased: bool) -> JudgedRow:
    """Whatever else such a row says, nothing of it is kept."""
    return JudgedRow(row.line, Outcome.ERASED) if is_erased else row


def _settled(
    row: JudgedRow, mapping: Recruitment, known: Mapping[Person, PanelMember], seen: Record | None
) -> JudgedRow:
    if row.outcome != Outcome.ENROLLED:
        return row
    address, name, birth_year = row.person(mapping.birth_item)
    # A member whose record stayed with an earlier row has no birth year here: address and name must do.
    is_known = (address, name, birth_year) in known or (address, name, "") in known
    if is_known or _became_a_member(mapping, seen):
        return replace(row, outcome=Outcome.ALREADY_MEMBER, contact=None)
    return row


def _without_the_suppressed(study: Study, rows: list[JudgedRow]) -> list[JudgedRow]:
    """Whose address may never be contacted again is no member; the answers are kept as of any other (LAW-13)."""
    wanted = {row.contact.email for row in rows if row.contact and row.outcome == Outcome.ENROLLED}
    never = suppression.found(study.key, wanted)
    return [
        replace(row, outcome=Outcome.SUPPRESSED, contact=None, agreed=())
        if row.contact and row.contact.email in never
        else row
        for row in rows
    ]


def _became_a_member(mapping: Recruitment, seen: Record | None) -> bool:
    """Whether this very row once made a member, though no card says so: the card went when they left, or the
    file has another address now. Rows without an id of their own can be two people's; there, a doubt counts
    for who left.
    """
    return seen is not None and seen.has_member and (bool(mapping.row_id) or seen.has_left)


def _known(study: Study, mapping: Recruitment, rows: Sequence[JudgedRow]) -> dict[Person, PanelMember]:
    """This study's members at the file's addresses, by who they are."""
    if not study.members.exists():
        return {}
    addresses = {row.contact.email for row in rows if row.contact}
    found = vault.find_by_address(addresses)
    cards = {card.code: (address, card.first_name) for address, same in found.items() for card in same}
    known = {}
    for member in _members(study, cards):
        address, first_name = cards[member.code]
        record = getattr(member, "recruitment_record", None)
        birth_year = record.answers.get(mapping.birth_item, "") if record else ""
        known[rules.person(address, first_name, birth_year)] = member
    return known


def _members(study: Study, codes: Iterable[str]) -> Iterator[PanelMember]:
    for some in batched(codes):
        yield from PanelMember.objects.filter(study=study, code__in=some).select_related("recruitment_record")


def _share(
    enrolled: Sequence[JudgedRow], known: Mapping[Person, PanelMember]
) -> tuple[dict[int, uuid.UUID], dict[uuid.UUID, list[PanelMember]], int]:
    """One mark for all of an address: by line for the new, old members still to be marked, how many share."""
    there: dict[str, list[PanelMember]] = {}
    for (address, _name, _year), member in known.items():
        there.setdefault(address, []).append(member)
    count = Counter(row.contact.email for row in enrolled if row.contact)
    marks: dict[str, uuid.UUID] = {}
    newly: dict[uuid.UUID, list[PanelMember]] = {}
    for address, number in count.items():
        old = there.get(address, [])
        if number + len(old) > 1:
            marked = [member.shared_address for member in old if member.shared_address]
            marks[address] = marked[0] if marked else uuid.uuid4()
            newly[marks[address]] = [member for member in old if not member.shared_address]
    by_line = {
        row.line: marks[row.contact.email] for row in enrolled if row.contact and row.contact.email in marks
    }
    sharing = sum(
        number - (0 if there.get(address) else 1) for address, number in count.items() if address in marks
    )
    return by_line, newly, sharing


def _fingerprints(study: Study, rows: Sequence[JudgedRow]) -> dict[int, bytes]:
    """The keyed hash of each row whose answers are kept, where there are any rows to compare it with."""
    if not study.recruitment_records.exists() and not study.erased_rows.exists():
        return {}
    return fingerprints(study, rows)


def fingerprints(study: Study, rows: Iterable[JudgedRow]) -> dict[int, bytes]:
    """The keyed hash of each row whose answers are kept."""
    index = Index.load()
    return {row.line: index.row_fingerprint(f"{study.key}{row.mark}") for row in rows if row.keeps_answers}


def _stored(study: Study, marks: Iterable[bytes]) -> dict[bytes, Record]:
    stored = {}
    for some in batched(marks):
        records = RecruitmentRecord.objects.filter(study=study, fingerprint__in=some)
        for pk, mark, status in records.values_list("pk", "fingerprint", "member__status"):
            stored[bytes(mark)] = Record(pk, bool(status), status in GONE)
    return stored


def _erased(study: Study, marks: Iterable[bytes]) -> set[bytes]:
    found: set[bytes] = set()
    for some in batched(marks):
        rows = ErasedRow.objects.filter(study=study, fingerprint__in=some)
        found.update(bytes(mark) for mark in rows.values_list("fingerprint", flat=True))
    return found


def _texts(study: Study, enrolled: Sequence[JudgedRow]) -> Texts:
    """The exact words behind each yes; a file that names a form nobody approved is refused."""
    first_line: dict[tuple[str, str, str], int] = {}
    for row in enrolled:
        for question in row.agreed:
            first_line.setdefault((row.version, question, row.language), row.line)
    texts = {}
    for (version, question, language), line in first_line.items():
        try:
            texts[version, question, language] = consent.text_of(
                study_key=study.key, version=version, question=question, language=language
            )
        except ConsentError as error:
            raise BadInput(
                _(
                    "Line %(line)d agrees to words the study doesn't have: question “%(question)s” in the "
                    "language “%(language)s”, of the form version named there. Import that consent form "
                    "first. Nothing was taken in."
                )
                % {"line": line, "question": question, "language": language}
            ) from error
    return texts
