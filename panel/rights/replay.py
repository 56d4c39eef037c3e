"""After a restored backup: what the journal knows and the database doesn't is done again (CRY-11, LAW-07).

Line by line in the file's order, each in one transaction with its entry: killed at any point, the next run goes on
behind the last whole line, and a line that was applied is never applied twice. What is lost with a backup, as
members who were enrolled since, is counted: the journal has no contact data to bring them back from.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from consent import selectors as consents
from consent import services as ledger
from panel.audit import anchors
from panel.audit import services as audit
from panel.audit.rules import Actor
from panel.enrolment.models import EnrolmentRun, ErasedRow, RecruitmentRecord
from panel.errors import Damaged
from panel.journal import file, selectors
from panel.journal import services as journal
from panel.journal.lines import Line
from panel.journal.models import JournalEntry
from panel.members.models import Hold, PanelMember, Study
from panel.rights import erasure, services
from panel.rights.models import Stop
from panel.rights.rules import State
from panel.vault import services as vault
from panel.vault import suppression
from panel.waves.models import Case

JOURNAL = Actor.system("journal")
Kind = JournalEntry.Kind
STOPS = frozenset({Kind.STOP_ASKED, Kind.STOP_WAIVED, Kind.STOP_UNDONE})
Progress = Callable[[int, int], None]


class Outcome(StrEnum):
    """What became of a line."""

    APPLIED = "applied"
    STOOD = "stood"
    LOST = "lost"


@dataclass(frozen=True)
class Replayed:
    """What a replay did. `lost_members` were enrolled after the backup, in `lost_runs` files: enrol those again;
    `lost_heads` of the audit chain were noted after it.
    """

    applied: int
    stood: int
    lost: int
    erased_again: int
    lost_members: int
    lost_runs: int
    lost_heads: int


def replay(
    *, by: Actor, now: datetime, past_damage: bool = False, progress: Progress | None = None
) -> Replayed:
    """Do again what the database doesn't know. Other writers wait; nothing is sent until the last line is done.

    `past_damage` goes on behind a damaged line with all that are as they were written; the file is then to be
    written anew (`journal rebuild`).
    """
    where = file.needed()
    counts: Counter[Outcome] = Counter()
    with file.locked(where, wait=True):
        new = list(_unknown(where, past_damage)) if where.exists() else []
        lost_heads = _chain_cut(by, now) if _is_restored(new) else 0
        _note(by, "journal.replay_begun", now, {"lines": len(new)})
        decided = _decided_since(where) if new else set()
        for number, (line, in_place) in enumerate(new, start=1):
            counts[_one(line, in_place, decided, now)] += 1
            if progress:
                progress(number, len(new))
        erased_again = vault.destroy_cards(_erased_codes())
        _drop_shut_cards(now)
        runs, people = _lost()
        applied, stood, lost = (counts[outcome] for outcome in Outcome)
        done = Replayed(applied, stood, lost, erased_again, people, runs, lost_heads)
        _note(by, "journal.replayed", now, asdict(done))
    journal.write(now=now)
    return done


def _unknown(where: Path, past_damage: bool) -> Iterator[tuple[Line, bool]]:
    """Lines behind the database's last one, and whether the file is whole up to them."""
    head = selectors.head_line()
    position = head.position if head else 0
    seen = set()
    try:
        for line in selectors.chained(where):
            seen.add(line.uid)
            if line.position > position:
                yield line, True
    except Damaged:
        if not past_damage:
            raise
        known = set(JournalEntry.objects.values_list("uid", flat=True).iterator())
        yield from ((line, False) for line in selectors.sound(where) if line.uid not in known | seen)


def _is_restored(new: list[tuple[Line, bool]]) -> bool:
    """Whether the file knows what this database doesn't; its own last lines, of a writer that died, show nothing."""
    return any(not JournalEntry.objects.filter(uid=line.uid).exists() for line, _in_place in new)


def _chain_cut(by: Actor, now: datetime) -> int:
    """Before the first line is done, for then nothing shows the restore any more. Returns how many heads were lost."""
    cut = anchors.note_restore(by=by, now=now)
    return cut.heads if cut else 0


def _decided_since(where: Path) -> set[tuple[str, str]]:
    """Code and rung of what members chose after the restore: it is later than anything the file says."""
    in_file = {line.uid for line in selectors.sound(where)}
    since = [entry for entry in selectors.waiting().filter(kind__in=STOPS) if entry.uid not in in_file]
    return {(entry.code, entry.payload["rung"]) for entry in since}


def _one(line: Line, in_place: bool, decided: set[tuple[str, str]], now: datetime) -> Outcome:
    """One line, or nothing of it. Keystore and vault go first, as in every erasure."""
    with transaction.atomic():
        if JournalEntry.objects.filter(uid=line.uid).exists():
            outcome = Outcome.STOOD  # written by this database; its writer died before it said so
        elif line.kind in STOPS and (line.code, line.payload["rung"]) in decided:
            outcome = Outcome.STOOD
        else:
            outcome = APPLY[Kind(line.kind)](line, now)
        journal.adopt(line, in_place=in_place)
    return outcome


def _note(by: Actor, verb: str, now: datetime, detail: dict[str, Any]) -> None:
    with transaction.atomic(durable=True):
        audit.record(by=by, verb=verb, now=now, detail=detail)


def _erased_codes() -> list[str]:
    """Everybody whose card was ever destroyed: a restored vault may hold it again, without a key that opens it."""
    erased = JournalEntry.objects.filter(kind__in=erasure.DESTROYS).exclude(code="")
    return sorted(set(erased.values_list("code", flat=True)))


def _drop_shut_cards(now: datetime) -> None:
    """A restored vault has cards from before a change of address, whose keys are gone: they would open to nobody and
    stand in the way of each search by address. Their members are written to no more before somebody has looked.
    """
    changed = JournalEntry.objects.filter(kind=Kind.ADDRESS_CHANGED).exclude(code__in=_erased_codes())
    for study, code in sorted(set(changed.values_list("study", "code"))):
        with transaction.atomic():
            try:
                vault.open_cards([code], by=JOURNAL, reason="replay", now=now, study=study)
            except Damaged:
                vault.destroy_cards([code])
                PanelMember.objects.filter(code=code).update(unreachable=True)
                audit.record(by=JOURNAL, verb="address.lost", now=now, study=study, subject=code)


def _lost() -> tuple[int, int]:
    """Enrolments the journal knows of and the database doesn't: files and members."""
    runs = {e.payload["run"]: e.payload["members"] for e in JournalEntry.objects.filter(kind=Kind.ENROLLED)}
    here = {str(pk) for pk in EnrolmentRun.objects.values_list("pk", flat=True)}
    lost = [members for run, members in runs.items() if run not in here]
    return len(lost), sum(lost)


# --- what each kind of line means


def _member(line: Line) -> PanelMember | None:
    """Its member, locked; None for who was enrolled after the backup, or is erased already."""
    locked = PanelMember.objects.select_for_update(of=("self",)).select_related("study")
    return locked.filter(code=line.code).first()


def _stop_asked(line: Line, now: datetime) -> Outcome:
    known = Stop.objects.filter(pk=line.payload["stop"])
    if known.exists():  # asked again: now the address is never to be contacted either (LAW-13)
        more = line.payload["never_again"] and known.update(never_again=True)
        return Outcome.APPLIED if more else Outcome.STOOD
    return Outcome.APPLIED if _put_in_force(line, now) else Outcome.LOST


def _put_in_force(line: Line, now: datetime) -> Stop | None:
    member = _member(line)
    if member is None:
        return None
    told = line.payload
    stop = services.put_in_force(
        by=JOURNAL,
        stop=Stop(
            id=told["stop"],
            member=member,
            code=line.code,
            case=Case.objects.filter(member=member, wave__name=told["wave"]).select_related("wave").first(),
            rung=told["rung"],
            channel=told["channel"],
            asked_at=datetime.fromisoformat(told["asked_at"]),
            told_on=_day(told["told_on"]),
            until=_day(told["until"]),
            due_at=_moment(told["due_at"]),
            withdrawn=told["withdrawn"],
            never_again=told["never_again"],
        ),
        now=now,
    )
    _tell("stop.replayed", line, now, {"rung": stop.rung})
    return stop


def _stop_waived(line: Line, now: datetime) -> Outcome:
    due = _moment(line.payload["due_at"])
    moved = Stop.objects.filter(pk=line.payload["stop"], state=State.IN_FORCE).update(due_at=due)
    return Outcome.APPLIED if moved else Outcome.STOOD


def _stop_undone(line: Line, now: datetime) -> Outcome:
    if _member(line) is None:
        return Outcome.LOST
    stop = Stop.objects.filter(pk=line.payload["stop"], state=State.IN_FORCE).first()
    if stop is None or not services.take_back(by=JOURNAL, stop=stop, now=now):
        return Outcome.STOOD
    _tell("stop.replayed_undo", line, now, {"rung": stop.rung})
    return Outcome.APPLIED


def _stop_done(line: Line, now: datetime) -> Outcome:
    """The erased are erased again, whatever they chose since on pages of the restored database."""
    vault.destroy_cards([line.code])
    if _member(line) is None:
        return Outcome.STOOD
    stop = Stop.objects.filter(pk=line.payload["stop"]).first() or _put_in_force(line, now)
    if stop is None or not erasure.carry_out(stop.pk, now, journaled=True):
        return Outcome.STOOD
    return Outcome.APPLIED


def _withdrawn(line: Line, now: datetime) -> Outcome:
    return _say_no(line, ledger.withdraw)


def _objected(line: Line, now: datetime) -> Outcome:
    return _say_no(line, ledger.object_to)


def _say_no(line: Line, say: Callable[..., None]) -> Outcome:
    """What a member agrees to no more, where the ledger has it as agreed to."""
    member = _member(line)
    if member is None:
        return Outcome.LOST
    key = member.study.key
    held = [
        purpose
        for purpose in line.payload["purposes"]
        if line.code in consents.holding(study_key=key, subjects={line.code}, purpose=purpose)
    ]
    if not held:
        return Outcome.STOOD
    day = timezone.localdate(line.at)
    say(study_key=key, subject=line.code, purposes=held, channel=line.payload["channel"], day=day)
    return Outcome.APPLIED


def _held(line: Line, now: datetime) -> Outcome:
    member = _member(line)
    if member is None:
        return Outcome.LOST
    hold, kind = line.payload["hold"], line.payload["kind"]
    if Hold.objects.filter(pk=hold).exists():
        return Outcome.STOOD
    Hold.objects.create(pk=hold, member=member, kind=kind, reason="", since=line.at)
    _tell("hold.replayed", line, now, {"kind": kind})
    return Outcome.APPLIED


def _lifted(line: Line, now: datetime) -> Outcome:
    lifted = Hold.objects.filter(pk=line.payload["hold"], lifted_at=None).update(lifted_at=line.at)
    return Outcome.APPLIED if lifted else Outcome.STOOD


def _card_erased(line: Line, now: datetime) -> Outcome:
    return Outcome.APPLIED if vault.destroy_cards([line.code]) else Outcome.STOOD


def _member_erased(line: Line, now: datetime) -> Outcome:
    vault.destroy_cards([line.code])
    member = _member(line)
    if member is None:
        return Outcome.STOOD
    erasure.erase(member)
    _tell("member.erased_again", line, now, {})
    return Outcome.APPLIED


def _suppressed(line: Line, now: datetime) -> Outcome:
    study = Study.objects.filter(slug=line.study, ended_at=None).first()
    if study is None:
        return Outcome.LOST
    suppression.add_marks(study.key, [bytes.fromhex(line.payload["mark"])])
    return Outcome.APPLIED


def _address_changed(line: Line, now: datetime) -> Outcome:
    """The new address is lost if the vault is old too: no letter goes to the old one before somebody has looked."""
    member = _member(line)
    if member is None:
        return Outcome.LOST
    PanelMember.objects.filter(pk=member.pk).update(unreachable=True)
    _tell("address.lost", line, now, {})
    return Outcome.APPLIED


def _study_ended(line: Line, now: datetime) -> Outcome:
    """It takes in nobody again, and its list of suppressed addresses goes as it went (NO-04)."""
    study = Study.objects.filter(slug=line.study, ended_at=None).first()
    if study is None:
        return Outcome.STOOD
    Study.objects.filter(pk=study.pk).update(ended_at=line.at)
    suppression.destroy(study.key)
    return Outcome.APPLIED


def _row_left(line: Line, now: datetime) -> Outcome:
    """Where the backup is older than their enrolment, nobody else would know that this row is not to come back."""
    study = Study.objects.filter(slug=line.study).first()
    if study is None:
        return Outcome.LOST
    row: dict[str, Any] = {"study": study, "fingerprint": bytes.fromhex(line.payload["row"])}
    if RecruitmentRecord.objects.filter(**row).exists():
        return Outcome.STOOD
    if line.payload["left"]:
        return Outcome.APPLIED if ErasedRow.objects.get_or_create(**row)[1] else Outcome.STOOD
    return Outcome.APPLIED if ErasedRow.objects.filter(**row).delete()[0] else Outcome.STOOD


def _enrolled(line: Line, now: datetime) -> Outcome:
    here = EnrolmentRun.objects.filter(pk=line.payload["run"]).exists()
    return Outcome.STOOD if here else Outcome.LOST


APPLY: dict[Kind, Callable[[Line, datetime], Outcome]] = {
    Kind.STOP_ASKED: _stop_asked,
    Kind.STOP_WAIVED: _stop_waived,
    Kind.STOP_UNDONE: _stop_undone,
    Kind.STOP_DONE: _stop_done,
    Kind.WITHDRAWN: _withdrawn,
    Kind.OBJECTED: _objected,
    Kind.HELD: _held,
    Kind.LIFTED: _lifted,
    Kind.CARD_ERASED: _card_erased,
    Kind.MEMBER_ERASED: _member_erased,
    Kind.SUPPRESSED: _suppressed,
    Kind.ADDRESS_CHANGED: _address_changed,
    Kind.ENROLLED: _enrolled,
    Kind.ROW_LEFT: _row_left,
    Kind.STUDY_ENDED: _study_ended,
}


def _tell(verb: str, line: Line, now: datetime, detail: dict[str, Any]) -> None:
    audit.record(by=JOURNAL, verb=verb, now=now, study=line.study, subject=line.code, detail=detail)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
