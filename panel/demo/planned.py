"""Wave 2024 by a full plan: run dry each day, paused, changed, and what comes back of its letters worked off.

Staff act through services, members over HTTP and by mail, beat and worker as ever. What it came to is returned as
figures; whether they are as they must be is summary.py's.
"""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from panel.demo import people, returning, study
from panel.demo.life import OSLO, Life, State
from panel.demo.mailbox import Mail
from panel.demo.own_page import OwnPage
from panel.invitations import differences, dry_run, limits, pauses, planning, replies, rules
from panel.invitations import services as invitations
from panel.invitations.alike import Draft
from panel.invitations.models import LostContact, Outgoing, ReplyCase, Returned
from panel.waves import plans
from panel.waves import services as waves
from panel.waves.models import Wave
from panel.waves.plans import Plan, Step, StepKind

OPENS = datetime(2024, 10, 1, 10, tzinfo=OSLO)
#: Days from the opening: a note before it, two reminders, of which the second is moved while the wave is open.
BEFORE, FIRST, SECOND, MOVED = -4, 7, 14, 16
#: Who finished on the last of these days is thanked after it.
LAST = MOVED + 2
EVENING = timedelta(hours=8, minutes=30)
#: Half past seven, before the day's letters may go: else a quick beat sends some before they are paused.
EARLY = timedelta(hours=2, minutes=30)
#: Those hours that one member chooses.
CHOSEN = ("18", "21")


def full_plan() -> Plan:
    """All that a survey wave can send: to who has not started and to who stopped halfway different reminders."""
    usual = plans.usual_plan(reminder_days=(FIRST, SECOND))
    before = Step(StepKind.PRE_NOTIFICATION, BEFORE)
    thanks = Step(StepKind.THANKS, 1, to=plans.USUAL[StepKind.THANKS])
    return replace(usual, steps=[before, *usual.steps, thanks])


def moved(plan: Plan) -> Plan:
    """The same with its second reminder on a later day."""
    later = [replace(one, days=MOVED) if one.days == SECOND else one for one in plan.steps]
    return replace(plan, steps=later)


def most_within(moments: Iterable[datetime], days: int) -> int:
    """The most letters that came within so many days."""
    came = sorted(moments)
    return max((sum(first <= at < first + timedelta(days=days) for at in came) for first in came), default=0)


class Planned:
    """One autumn's wave in a life that has come to the end of its first."""

    def __init__(self, life: Life) -> None:
        self.life, self.study = life, life.study
        self.rng = random.Random(life.seed)  # noqa: S311 - invented people's dice
        self.days: list[dict[str, Any]] = []
        self.figures: dict[str, Any] = {"days": self.days, "a_day": 0}

    def live(self) -> dict[str, Any]:
        """From the plan to the close."""
        life = self.life
        life.set_clock(OPENS - timedelta(days=7))
        self.wave = self._plan()
        life.begin(wants_back=0.10)
        self._choose_hours(self._day(BEFORE))
        invited = self._day(0)
        self._come_back(invited)
        life.set_clock(OPENS + timedelta(days=FIRST) - EARLY)
        reminded = self._day(FIRST, paused=True)
        self._come_back_again(reminded)
        self._change()
        for days in (SECOND, MOVED, LAST):
            self._day(days)
        self._look_back()
        life.close(self.wave)
        return self.figures

    def _plan(self) -> Wave:
        wave = planning.plan_wave(
            by=study.SIGNE, study=self.study, plan=full_plan(), name="2024", number=2,
            instrument=self.life.instrument, opens_at=OPENS, closes_at=OPENS + timedelta(days=30),
            now=self.life.now,
        )  # fmt: skip
        planning.approve_wave(by=study.LIV, wave=wave, now=self.life.now)
        return wave

    # --- one day

    def _day(self, days: int, *, paused: bool = False) -> list[Mail]:
        """What a dry run foresees for it, then the day itself, morning and evening. Returns what came."""
        moment = OPENS + timedelta(days=days, minutes=5)
        foreseen = self._foreseen(moment)
        if paused:
            self._pause(moment)
        came = self._hour(moment, f"2024, day {days}")
        if self._waits_until(moment + EVENING):
            came += self._hour(moment + EVENING, f"2024, day {days}, evening")
        asked = Counter(mail.to for mail in came if mail.answer_link)
        self.figures["a_day"] = max(self.figures["a_day"], *asked.values(), 0)
        sent = self._tried(moment)
        self.life.sent["2024"].update(sent.filter(state=State.SENT).values_list("kind", flat=True))
        by_step = Counter(f"{kind} {number}" for kind, number in sent.values_list("kind", "ordinal"))
        self.days.append({"day": f"{moment:%F}", "foreseen": foreseen, "sent": dict(sorted(by_step.items()))})
        return came

    def _hour(self, now: datetime, name: str) -> list[Mail]:
        """Letters go and are answered. Returns what came."""
        self.life.set_clock(now)
        self.life.settle(f"{name}: letters")
        came = self.life.answer(f"{name}: answering")
        self._look_at_hours(came)
        return came

    def _waits_until(self, evening: datetime) -> bool:
        return Outgoing.objects.filter(
            case__wave=self.wave, state=State.DEFERRED, due_at__lte=evening
        ).exists()

    def _foreseen(self, moment: datetime) -> dict[str, int]:
        """The letters of that day by step, as `plan_wave --dry-run` would tell on its morning."""
        self.wave.refresh_from_db()
        told = dry_run.forecast(Draft.of(self.wave), moment).by_step[limits.local_day(moment)]
        return {f"{kind.value} {number}": letters for (kind, number), letters in sorted(told.items())}

    def _tried(self, moment: datetime) -> QuerySet[Outgoing]:
        """The wave's letters that were handed over on a day, refused ones among them."""
        begin = limits.midnight(limits.local_day(moment))
        of_wave = Outgoing.objects.filter(case__wave=self.wave, state__in=(State.SENT, State.FAILED))
        return of_wave.filter(tried_at__gte=begin, tried_at__lt=begin + timedelta(days=1)).order_by()

    def _pause(self, moment: datetime) -> None:
        """“Pause all” before the day's letters: they wait, visibly, and go on when it is lifted."""
        reason = "The newspapers write of a fraud by e-mail; we ask the press office first."
        pause = pauses.pause(by=study.SIGNE, study=self.study, reason=reason, now=self.life.now)
        self.life.set_clock(moment)
        waves.turn(now=moment)
        invitations.queue_due(now=moment)
        due = Outgoing.objects.filter(case__wave=self.wave, state__in=rules.WAITING, due_at__lte=moment)
        unaware = due.exclude(reason=rules.Reason.SENDING_PAUSED)
        with self.life.progress("2024: all letters paused") as bar:
            self.life.wait(unaware.count, "letters don’t say that they are paused", bar)
        self.figures["pause"] = {"waited": due.count(), "sent_meanwhile": self._tried(moment).count()}
        pauses.lift(by=study.SIGNE, pause=pause, now=moment)

    # --- what members do

    def _choose_hours(self, came: list[Mail]) -> None:
        """By the first letter's link somebody chooses the evening."""
        answer = [m for m in came if self._finishes(m.to) and m.to not in self.life.left]
        mail = self.rng.choice(answer)
        OwnPage(mail, self.life.browser).choose_hours(*CHOSEN)
        self.evening = mail.to
        self.figures["hours"] = {"in_them": 0, "outside": 0}

    def _finishes(self, address: str) -> bool:
        conduct = self.life.conducts[address]
        return conduct.answers_to == 0 and conduct.breaks_off_after is None and not conduct.stop

    def _look_at_hours(self, mails: list[Mail]) -> None:
        if "hours" in self.figures:
            inside = "in_them" if int(CHOSEN[0]) <= self.life.now.hour < int(CHOSEN[1]) else "outside"
            self.figures["hours"][inside] += sum(mail.to == self.evening for mail in mails)

    # --- what comes back

    def _come_back(self, invited: list[Mail]) -> None:
        """Of five invitations something comes back; a keeper answers the one that a person wrote."""
        silent = [m for m in invited if m.answer_link and self._is_silent(self.life.conducts[m.to])]
        gone, once, full, absent, writer = self.rng.sample(silent, 5)
        self.gone = gone.to
        self._deliver(
            returning.not_delivered(gone, "5.1.1"), returning.not_delivered(once, "5.1.1"),
            returning.not_delivered(full, "4.2.2"), returning.away(absent), returning.words(writer),
        )  # fmt: skip
        opened = list(ReplyCase.objects.filter(member__study=self.study).select_related("member__study"))
        for case in opened:
            replies.close(by=study.VERA, case=case, outcome=ReplyCase.Outcome.ANSWERED, now=self.life.now)
        self.figures["reply"] = {"cases": len(opened), "passed_on": self._in_inbox()}

    def _is_silent(self, conduct: people.Conduct) -> bool:
        return conduct.answers_to is None and not conduct.stop

    def _come_back_again(self, reminded: list[Mail]) -> None:
        """The next letter to one of them comes back as well: two, and the address is taken as dead."""
        again = next(mail for mail in reminded if mail.to == self.gone)
        self._deliver(returning.not_delivered(again, "5.1.1"))

    def _deliver(self, *messages: bytes) -> None:
        box = self.life.town.returns
        returning.deliver(box, *messages)
        with self.life.progress("2024: what came back") as bar:
            self.life.wait(lambda: returning.waiting(box), "returned letters were not read", bar)

    def _in_inbox(self) -> int:
        """What the study's own inbox got by now."""
        to = f"Delivered-To: {self.study.contact_email}\r\n".encode()
        return sum(path.read_bytes().startswith(to) for path in self.life.town.maildir.glob("new/*"))

    # --- staff

    def _change(self) -> None:
        """The second reminder later: who is moved is shown first."""
        self.wave.refresh_from_db()
        version = planning.propose_change(
            by=study.SIGNE, wave=self.wave, plan=moved(self.wave.planned), opens_at=self.wave.opens_at,
            closes_at=self.wave.closes_at, now=self.life.now,
        )  # fmt: skip
        found = differences.difference(version, self.life.now)
        planning.apply_change(by=study.LIV, version=version, now=self.life.now)
        self.figures["change"] = {str(change.value): found.of(change) for change in differences.Change}

    # --- what it came to

    def _look_back(self) -> None:
        back = Returned.objects.filter(letter__case__wave=self.wave, letter__state=State.SENT)
        self.figures["change"] |= {
            "sent_on_the_old_day": self._reminders(SECOND), "sent_on_the_new_day": self._reminders(MOVED),
        }  # fmt: skip
        self.figures |= {
            "returned": dict(sorted(Counter(back.values_list("kind", flat=True)).items())),
            "lost": self._lost(),
            "most_letters": {"found": self._most(), "days": self.study.mails_days, "limit": self.study.mails_max},
        }  # fmt: skip

    def _reminders(self, days: int) -> int:
        day = self._tried(OPENS + timedelta(days=days))
        return day.filter(kind__in=rules.REMINDERS, ordinal=2).count()

    def _lost(self) -> dict[str, int]:
        """Cases of lost contact, and letters that went there although one was open."""
        cases = list(LostContact.objects.filter(member__study=self.study, state=LostContact.State.OPEN))
        return {
            "refused": len(self.life.bouncing),
            "cases": len(cases),
            "written_to": sum(self._written_after(case, case.opened_on) for case in cases),
        }

    def _written_after(self, case: LostContact, day: date) -> int:
        after = limits.midnight(day) + timedelta(days=1)
        return Outgoing.objects.filter(member=case.member_id, tried_at__gte=after).count()

    def _most(self) -> int:
        """The most survey letters that anybody got within the study's window, both waves together."""
        sent = Outgoing.objects.filter(
            member__study=self.study, kind__in=rules.SURVEY_MAIL, state=State.SENT, sent_at__isnull=False
        )
        letters: dict[object, list[datetime]] = {}
        for row in sent.only("member", "sent_at"):
            assert row.sent_at
            letters.setdefault(row.member_id, []).append(row.sent_at)
        return max((most_within(own, self.study.mails_days) for own in letters.values()), default=0)
