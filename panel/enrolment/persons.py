"""One person in several studies: a mark of their own, so that letters are counted over all of them (docs/adr/0014).

Found where an address comes in, as within a study: same address, same first name, no other birth year. The mark is
random, and only who is in several studies has one. Not here: counting the letters (panel/invitations/burdens.py).
"""

from collections.abc import Collection, Iterator, Mapping
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Count, QuerySet

from panel.enrolment.mapping import Recruitment, plain
from panel.enrolment.models import RecruitmentRecord
from panel.enrolment.rules import JudgedRow
from panel.members.models import PanelMember, Study
from panel.sets import batched
from panel.vault import services as vault
from panel.vault.rules import ContactData

Found = tuple[PanelMember, ContactData]


def mark_admitted(
    *,
    study: Study,
    birth_item: str,
    admitted: Mapping[PanelMember, JudgedRow],
    beside: Collection[PanelMember] = (),
) -> int:
    """Marks those of a file who are in another study; says how many. Opens no card where there is no other study.

    `beside` are others who are changed with them: all are locked at once.
    """
    groups = []
    if PanelMember.objects.exclude(study=study).exists():
        groups = _in_other_studies(study, birth_item, admitted)
    return _join_each(groups, beside)


def _in_other_studies(
    study: Study, birth_item: str, admitted: Mapping[PanelMember, JudgedRow]
) -> list[list[PanelMember]]:
    """Each of them, with who is the same person in another study."""
    there = _elsewhere(study, {row.contact.email for row in admitted.values() if row.contact})
    births = _birth_years([member for same in there.values() for member, _card in same])
    groups = []
    for member, row in admitted.items():
        address, name, born = row.person(birth_item)
        found = there.get(address, [])
        same = [one for one, card in found if _is_same(name, born, card, births.get(one.pk, ""))]
        groups.append([member, *same])
    return groups


def mark_moved(*, member: PanelMember, address: str) -> None:
    """After a change of address: who has the new one in another study may be the same person. An old mark stays."""
    cards = {card.code: card for card in vault.find_by_address([address])[address]}
    mine = cards.get(member.code)
    found = PanelMember.objects.filter(code__in=cards.keys()).exclude(study=member.study)
    others = found.select_related("study")
    if mine is None or not others:
        return
    births = _birth_years([member, *others])
    name, born = plain(mine.first_name), births.get(member.pk, "")
    same = [one for one in others if _is_same(name, born, cards[one.code], births.get(one.pk, ""))]
    _join_each([[member, *same]])


def _is_same(name: str, born: str, card: ContactData, birth: str) -> bool:
    """Whether who has this first name and birth year is who is on a card of the same address: no other birth year."""
    return plain(card.first_name) == name and (not born or birth in {"", born})


def _elsewhere(study: Study, addresses: Collection[str]) -> dict[str, list[Found]]:
    """Members of other studies at these addresses."""
    found = vault.find_by_address(addresses)
    cards = {card.code: (address, card) for address, same in found.items() for card in same}
    there: dict[str, list[Found]] = {}
    for member in _members(cards.keys()):
        if member.study_id != study.pk:
            address, card = cards[member.code]
            there.setdefault(address, []).append((member, card))
    return there


def _members(codes: Collection[str]) -> Iterator[PanelMember]:
    for some in batched(codes):
        yield from PanelMember.objects.filter(code__in=some).select_related("study")


def _birth_years(members: Collection[PanelMember]) -> dict[UUID, str]:
    """As far as they told it when they joined; each study has a question of its own for it."""
    items = {
        study: Recruitment.of(study.recruitment, study.default_language).birth_item
        for study in {member.study for member in members}
        if study.recruitment
    }
    asked = {member.pk: items[member.study] for member in members if member.study in items}
    years: dict[UUID, str] = {}
    for some in batched(asked):
        records = RecruitmentRecord.objects.filter(member__in=some)
        for member_id, answers in records.values_list("member", "answers"):
            years[member_id] = answers.get(asked[member_id], "")
    return years


def _join_each(groups: Collection[Collection[PanelMember]], beside: Collection[PanelMember] = ()) -> int:
    """Marks each group as one person; says how many there were of more than one."""
    several = [same for same in groups if len(same) > 1]
    _hold({member.pk for same in (*several, beside) for member in same})
    for same in several:
        _join(same)
    return len(several)


def _hold(them: Collection[UUID]) -> None:
    """Locks these and who bears their marks, in the order in which a sending worker locks its people.

    Else the two could wait for each other, and one would lose its work.
    """
    whom = set(them)
    for some in batched(them):
        marks = PanelMember.objects.filter(pk__in=some).exclude(person=None).values("person")
        whom.update(PanelMember.objects.filter(person__in=marks).values_list("pk", flat=True))
    for some in batched(sorted(whom)):
        held = PanelMember.objects.filter(pk__in=some).order_by("pk").select_for_update(no_key=True)
        list(held.values_list("pk"))


def _join(same: Collection[PanelMember]) -> None:
    """Gives them one mark, and everybody who bears another one of theirs."""
    them = PanelMember.objects.filter(pk__in=[member.pk for member in same])
    marks = sorted(mark for mark in set(them.values_list("person", flat=True)) if mark)
    mark = marks[0] if marks else uuid4()
    PanelMember.objects.filter(person__in=marks[1:]).update(person=mark)
    them.update(person=mark)


def drop_lone() -> int:
    """A mark that one member is left with says that they were in another study, and counts nothing any more."""
    return sum(_drop(some) for some in batched(_lone(PanelMember.objects.exclude(person=None))))


@transaction.atomic
def _drop(marks: Collection[UUID]) -> int:
    """Counts once more: somebody may have joined meanwhile."""
    bearers = PanelMember.objects.filter(person__in=marks)
    list(bearers.order_by("pk").select_for_update(no_key=True).values_list("pk"))
    return bearers.filter(person__in=_lone(bearers)).update(person=None)


def _lone(members: QuerySet[PanelMember]) -> list[UUID]:
    """Marks that one of these alone bears."""
    alone = members.order_by().values("person").annotate(number=Count("pk")).filter(number=1)
    return [mark for mark in alone.values_list("person", flat=True) if mark]
