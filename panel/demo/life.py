"""The example study's life, 2022 to today: moves the clock, lets staff act through services and respondents over HTTP.

The web server, worker, beat, Redis and mail catcher are real and run beside this; letters are read from the
catcher's Maildir. What is checked about it afterwards is summary.py's.
"""

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from django.db.models import Q

from panel.demo import people, study
from panel.demo.browser import Browser
from panel.demo.mailbox import Mail, Mailbox
from panel.demo.respondent import Respondent
from panel.enrolment import services as enrolment
from panel.errors import Unreachable
from panel.instruments.models import InstrumentVersion
from panel.invitations import limits, rules, study_limits
from panel.invitations import services as invitations
from panel.invitations.models import LetterKind, Outgoing
from panel.members.models import Study
from panel.residency import services as residency
from panel.residency.models import Flag
from panel.rights.models import Stop
from panel.waves import services as waves
from panel.waves.models import Wave

OSLO = ZoneInfo("Europe/Oslo")
DEVICES = 4
PATIENCE = 60
BOUNCING = 14
State = Outgoing.State
Progress = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]


@dataclass
class Town:
    """Where the example lives: the clock file, the catcher's Maildir, that of returned letters, refused addresses."""

    clock: Path
    maildir: Path
    returns: Path
    refused: Path
    logins: Path


@dataclass
class Life:
    """One run of the example. `progress(title)` gives a callback for (done, total)."""

    town: Town
    progress: Progress
    seed: int = 2022
    enrolled: dict[str, object] = field(default_factory=dict)
    #: wave -> kind -> letters sent, counted as they go: an erasure later takes its member's rows with it.
    sent: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    #: address -> the last letter of the last wave: what its reader has at hand afterwards.
    letters: dict[str, Mail] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)  # noqa: S311 - invented people's dice, no secret
        self.mailbox = Mailbox(self.town.maildir)
        self.browser = Browser()
        self.now = datetime(2022, 6, 30, 12, tzinfo=OSLO)

    # --- the years

    def live(self) -> Study:
        """2022 to the end of 2023: recruitment, the first wave, its review. The second is planned.py's."""
        self.study = self._recruit()
        self.instrument = self._instrument(datetime(2023, 9, 20, 12, tzinfo=OSLO))
        self.people = people.persons(people.file_rows())
        self.left = people.match(self.people, people.leavers(), self.rng)
        self._refuse(BOUNCING)
        self.field("2023", 1, datetime(2023, 10, 1, 10, tzinfo=OSLO))
        return self.study

    def open_today(self, *, now: datetime) -> Wave:
        """A wave that is open on the real day, its hours lifted by a recorded reason, so that letters go at once."""
        self.study = Study.objects.get(slug=study.SLUG)
        self.instrument = InstrumentVersion.objects.filter(instrument__study=self.study).latest("number")
        opens = now - timedelta(minutes=5)
        wave = self._plan(str(now.year), 3, opens, now)
        reason = "The example study shows letters at any hour; its people are invented."
        waves.lift_hours(by=study.LIV, wave=wave, reason=reason, now=now)
        today = limits.local_day(now)
        for day in self.study.silent_days.filter(month=today.month, day=today.day):
            study_limits.remove_silent_day(by=study.LIV, silent_day=day, reason=reason, now=now)
        return wave

    def _recruit(self) -> Study:
        self.set_clock(self.now)
        found = study.build(now=self.now, logins=self.town.logins)
        data = (people.DATA / "survey_2022.csv").read_bytes()
        with self.progress("Enrolling the recruitment file"):
            result = enrolment.enrol(
                by=study.LIV, study=found, data=data, suffix=".csv", now=self.now, dry_run=False
            )
        self.enrolled = {name: value for name, value in result.as_json().items() if name != "left_out"}
        return found

    def _instrument(self, now: datetime) -> InstrumentVersion:
        self.set_clock(now)
        return study.instrument(self.study, now=now)

    def _refuse(self, number: int) -> None:
        """Some addresses stop working: the catcher refuses them from now on."""
        stay = [person.email for person in self.people if person.email not in self.left]
        self.bouncing = set(self.rng.sample(stay, number))
        self.town.refused.write_text("\n".join(sorted(self.bouncing)) + "\n")

    # --- one wave

    def field(self, name: str, number: int, opens: datetime) -> Wave:
        """Plans, opens, reminds twice and closes a wave, with its respondents."""
        self.set_clock(opens - timedelta(days=7))
        wave = self._plan(name, number, opens, self.now)
        self.begin(wants_back=None)
        for step, days in enumerate((0, *wave.reminder_days)):
            self.set_clock(opens + timedelta(days=days, minutes=5))
            self.settle(f"{name}: sending " + ("invitations" if step == 0 else f"reminder {step}"))
            kinds = rules.REMINDERS if step else (LetterKind.INVITATION,)
            self._count(wave, ordinal=max(step, 1), kinds=kinds)
            self.answer(f"{name}: answering")
        self.close(wave)
        return wave

    def begin(self, *, wants_back: float | None) -> None:
        """What each will do in the next wave, thrown anew."""
        players = [person for person in self.people if person.email not in self.bouncing]
        self.conducts = people.plan_wave(players, self.left, self.rng, wants_back=wants_back)
        self.seen: dict[str, int] = {}
        self.letters.clear()

    def close(self, wave: Wave) -> None:
        """The wave's end; deletions that were asked for in it are carried out, flags looked at."""
        self.set_clock(wave.closes_at + timedelta(minutes=5))
        waves.turn(now=self.now)
        self._erase()
        self.review_flags()

    def _plan(self, name: str, number: int, opens: datetime, now: datetime) -> Wave:
        wave = waves.plan_wave(
            by=study.SIGNE,
            study=self.study,
            name=name,
            number=number,
            instrument=self.instrument,
            opens_at=opens,
            closes_at=opens + timedelta(days=30),
            reminder_days=[7, 14],
            now=now,
        )
        waves.approve_wave(by=study.LIV, wave=wave, now=now)
        return wave

    def settle(self, title: str) -> None:
        """Opens what is due and queues it, as beat does, then waits until worker and catcher have dealt with it."""
        waves.turn(now=self.now)
        invitations.queue_due(now=self.now)
        with self.progress(title) as bar:
            self.wait(self._waiting, "letters are still waiting", bar)

    def wait(self, left: Callable[[], int], what: str, bar: Callable[[int, int], None]) -> None:
        """Until the worker has left none; it has its patience."""
        total, end = max(1, left()), time.monotonic() + PATIENCE
        while number := left():
            if time.monotonic() > end:
                raise Unreachable(f"{number} {what} after {PATIENCE} s: see the worker's log.")
            bar(total - number, total)
            time.sleep(0.1)

    def _count(self, wave: Wave, *, kinds: Collection[str], ordinal: int) -> None:
        rows = Outgoing.objects.filter(case__wave=wave, kind__in=kinds, ordinal=ordinal, state=State.SENT)
        self.sent[wave.name].update(rows.values_list("kind", flat=True))

    def _waiting(self) -> int:
        due = Q(state__in=(State.QUEUED, State.DEFERRED), due_at__lte=self.now)
        return Outgoing.objects.filter(due | Q(state__in=(State.CLAIMED, State.READY, State.SENDING))).count()

    def answer(self, title: str) -> list[Mail]:
        """Everybody who got a letter does what they do, a few at a time. Returns what they got."""
        mails = [mail for mail in self.mailbox.new() if mail.to in self.conducts]
        self.letters |= {mail.to: mail for mail in mails}
        acts = [(self.conducts[mail.to], mail, self._ordinal(mail)) for mail in mails]
        with self.progress(title) as bar, ThreadPoolExecutor(DEVICES) as pool:
            doing = [
                pool.submit(Respondent(mail, conduct, self.browser, seed=self.rng.random()).act, ordinal)
                for conduct, mail, ordinal in acts
            ]
            for done, act in enumerate(as_completed(doing), 1):
                act.result()
                bar(done, len(acts))
        return mails

    def _ordinal(self, mail: Mail) -> int:
        """The how-manieth letter of this wave it is for its reader: 0 the invitation. Receipts have no answer link."""
        if not mail.answer_link:
            return -1
        self.seen[mail.to] = self.seen.get(mail.to, -1) + 1
        return self.seen[mail.to]

    # --- staff and time

    def review_flags(self) -> None:
        """The coordinator looks at each flag, by code, and confirms it."""
        flags = Flag.objects.filter(state=Flag.State.OPEN, member__study=self.study).select_related(
            "member__study"
        )
        for flag in flags:
            residency.review_flag(
                by=study.SIGNE,
                flag=flag,
                state=Flag.State.CONFIRMED,
                reason="Told in the wave's answers; month and place fit together.",
                now=self.now,
            )

    def _erase(self) -> None:
        """Beat's worker carries out the deletions whose 14 days are over."""
        due = Stop.objects.filter(
            rung=Stop.Rung.LEAVE_DELETE, state=Stop.State.IN_FORCE, due_at__lte=self.now
        )
        self.wait(due.count, "deletions that are due were not carried out", lambda done, total: None)

    def set_clock(self, moment: datetime) -> None:
        self.now = moment
        other = self.town.clock.with_suffix(".new")
        other.write_text(moment.isoformat())
        other.replace(self.town.clock)
