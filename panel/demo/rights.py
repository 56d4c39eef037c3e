"""What members ask of the study after its second wave, and that it is done: the rights of the example's people.

Members act on their pages, staff through services, the worker by its tasks. What it came to is returned as
figures; whether they are as they must be is summary.py's.
"""

from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.utils.timezone import localdate

from consent import selectors as consents
from panel.audit import anchors
from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.demo import drill, people, study
from panel.demo.life import OSLO, Life
from panel.demo.mailbox import Mail
from panel.demo.own_page import CANCEL, CONFIRM, CONSENT, COPY, GONE, OwnPage
from panel.enrolment import services as enrolment
from panel.journal import file as journal_file
from panel.journal import selectors as journal
from panel.members.models import PanelMember
from panel.residency.models import Evidence, Flag, Source
from panel.responses.models import Response
from panel.rights import acts, files, reconsent, requests, tasks
from panel.rights.address_models import AddressChange
from panel.rights.address_rules import TIME_TO_STOP
from panel.rights.copy_models import CopyRequest
from panel.rights.models import OutsideItem, Request, Stop

ASKED = datetime(2024, 11, 5, 12, tzinfo=OSLO)
#: When those 14 days are over in which who leaves can come back.
OVER = ASKED + timedelta(days=15)
NIGHT = datetime(2024, 11, 21, 3, 20, tzinfo=OSLO)
RECONSENT_CLOSES = datetime(2024, 12, 5, 12, tzinfo=OSLO)
#: How many answer the letter of the re-consent run; one of them says no to one question.
AGREE = 6
#: In `make run` a request came so long ago: its deadline is near.
CAME = timedelta(days=24)
DAG = Actor.staff("dag")


def unseen(done: int, total: int) -> None:
    """The progress of what takes a moment."""


class Rights:
    """One autumn of rights in a life that has come to the end of its second wave."""

    def __init__(self, life: Life, out: Path) -> None:
        self.life, self.out, self.study = life, out, life.study
        not_these = {*life.left, *life.bouncing, *(life.conducts.keys() - life.letters.keys())}
        self.cast = people.cast(life.conducts, not_these, life.rng)
        self.figures: dict[str, Any] = {}

    def live(self) -> dict[str, Any]:
        """From the first letter to the desk to the end of the re-consent run."""
        self.life.set_clock(ASKED)
        self.codes = {name: self._code(address) for name, address in vars(self.cast).items()}
        vault, keystore = self._backup()
        self._act()
        self._follow()
        self._see_to_it()
        self._pass_the_night()
        self._try_the_dumps(vault, keystore)
        self._enrol_again()
        self._reconsent()
        self._look_at_journal_and_anchors()
        return self.figures

    # --- what members do

    def _act(self) -> None:
        """On their own pages, each by the last letter they got; one calls."""
        with self.life.progress("Rights: on their own pages"):
            self._own("moves").change_address(people.MOVED)
            self._own("doubts").change_address(people.STOPPED)
            self._own("copies").ask_copy()
            self._own("corrects").correct_residence(PanelMember.Place.MOVED_ON, "2024-10")
            self._own("pauses").stop("pause", until=f"{localdate(ASKED) + timedelta(days=60)}")
            self._own("keeps").stop("leave_keep")
            # The worker may be quicker than the page that says so.
            self._own("deletes").stop("leave_delete", waive="yes", never_again="yes", expect=(200, GONE))
            self.request = self._call()

    def _call(self) -> Request:
        """The leader notes what was asked on the phone, the officer advises, the service makes the copy."""
        caller = PanelMember.objects.select_related("study").get(code=self.codes["calls"])
        request = requests.receive(
            by=study.LIV, member=caller, kind=Request.Kind.ACCESS, channel=Request.Channel.PHONE,
            asked="Wants to know what is held.", now=self.life.now,
        )  # fmt: skip
        advice = "The copy answers this in full. Nobody but the member should read it."
        requests.advise(by=DAG, request=request, advice=advice, now=self.life.now)
        acts.copy(by=study.LIV, request=request, now=self.life.now)
        return request

    def _follow(self) -> None:
        """The letters come; their links are opened, and the desk answers."""
        self.life.settle("Rights: letters about them")
        waiting = CopyRequest.objects.filter(copies=None)
        self.life.wait(waiting.count, "copies were not made", unseen)
        came = list(self.life.mailbox.new())
        self._by(came, people.MOVED, CONFIRM).confirm()
        self.figures["old_address_told"] = any(m.to == self.cast.moves and m.link(CANCEL) for m in came)
        self._by(came, self.cast.doubts, CANCEL).cancel()
        self._read_copy(self._by(came, self.cast.copies, COPY).fetch_copy())
        requests.answer(
            by=study.LIV, request=self.request, done="The copy was made; its link went to the member.",
            text="You find everything we hold in the copy. The link to it is in a letter of its own.",
            now=self.life.now,
        )  # fmt: skip
        self.life.review_flags()

    def _read_copy(self, copy: dict[str, Any]) -> None:
        """As its reader would: is this my address, are these my answers?"""
        plan = self.life.conducts[self.cast.copies].profile["return_plan"]
        stored = Response.objects.filter(case__member__code=self.codes["copies"]).count()
        rows = copy["records"]["responses.Response"]["rows"]
        self.figures["copy"] = {
            "own_address": copy["contact"]["email"] == self.cast.copies,
            "own_answers": any(row["answers"].get("return_plan") == plan for row in rows)
            and len(copy["surveys"]) == len(rows) == stored,
            "answers": sum(len(survey["answers"]) for survey in copy["surveys"]),
            "consents": len(copy["consents"]),
        }

    # --- what the worker does

    def _see_to_it(self) -> None:
        """What is due at once, after a day and after 14 days: a deletion, a changed address, who left."""
        confirmed = AddressChange.objects.filter(state=AddressChange.State.CONFIRMED)
        due = Stop.objects.filter(state=Stop.State.IN_FORCE, due_at__lte=self.life.now)
        with self.life.progress("Rights: carried out"):
            self.life.wait(due.count, "deletions were not carried out", unseen)
            kept = self._answers("keeps")
            self.figures["erased_at_once"] = not self._exists("deletes")
            self.life.set_clock(ASKED + TIME_TO_STOP)
            self.life.wait(confirmed.count, "changes of address were not carried out", unseen)
            self.life.set_clock(OVER)
            over = Stop.objects.filter(state=Stop.State.IN_FORCE, due_at__lte=OVER)
            self.life.wait(over.count, "those who left are still there", unseen)
        self.figures |= {
            "answers_kept": kept > 0 and self._answers("keeps") == kept,
            "erased_link_opens": self._own("deletes").opens(),
            "corrected": Evidence.objects.filter(
                member__code=self.codes["corrects"], source=Source.OWN_PAGE, flag__state=Flag.State.CONFIRMED
            ).count(),
            "paused": Stop.objects.filter(
                code=self.codes["pauses"], rung=Stop.Rung.PAUSE, state=Stop.State.IN_FORCE
            ).count(),
            "found_at": {
                name: len(self._find(address))
                for name, address in (
                    ("old_address", self.cast.moves), ("new_address", people.MOVED),
                    ("stopped_address", people.STOPPED), ("kept_address", self.cast.doubts),
                    ("left", self.cast.keeps), ("erased", self.cast.deletes),
                )
            },
            "request": self._request(),
        }  # fmt: skip

    def _pass_the_night(self) -> None:
        """The night's tasks, through the broker, at their hours: the KEK is rotated, the chain's head noted."""
        with self.life.progress("Rights: the night's job"):
            rotated = AuditEvent.objects.filter(verb="keys.rotated")
            before = rotated.count()
            self.life.set_clock(NIGHT)
            tasks.nightly.delay()
            self.life.wait(
                lambda: int(rotated.count() == before), "night's job has not rotated the KEK", unseen
            )
            self.life.set_clock(NIGHT + timedelta(hours=1))
            known = len(anchors.noted().heads)
            tasks.anchor_audit.delay()
            self.life.wait(
                lambda: int(len(anchors.noted().heads) == known), "head of the chain is not noted", unseen
            )

    # --- what is proved

    def _backup(self) -> list[Path]:
        """The vault and the keystore as they were, with the command people use."""
        with self.life.progress("Rights: a backup before"):
            call_command(
                "backup",
                str(self.out / "backups"),
                "--only",
                "vault",
                "--only",
                "keystore",
                stdout=StringIO(),
            )
        return [next((self.out / "backups" / alias).glob("*.dump")) for alias in ("vault", "keystore")]

    def _try_the_dumps(self, vault: Path, keystore: Path) -> None:
        """Who changed address or left has no card in the old dump that opens; all others have."""
        with self.life.progress("Rights: old dumps, today's keys"):
            opened, gone = (
                drill.open_today(vault),
                {self.codes[name] for name in ("moves", "keeps", "deletes")},
            )
            self.figures["old_vault"] = {
                "cards": len(drill.cards(vault)),
                "open": len(opened),
                "shut": len(drill.cards(vault)) - len(opened),
                "gone": len(gone),
                "gone_open": len(opened & gone),
                "open_with_old_keystore": len(drill.open_with(vault, keystore)),
            }

    def _enrol_again(self) -> None:
        """A second file with an address that is never to be contacted again, and one nobody knows."""
        self.life.set_clock(NIGHT + timedelta(hours=9))
        rows = people.second_file(people.file_rows(), again=self.cast.deletes, beside=self.cast.corrects)
        result = enrolment.enrol(
            by=study.VERA, study=self.study, data=rows, suffix=".csv", now=self.life.now, dry_run=False
        )
        self.figures["second_file"] = result.outcome

    def _look_at_journal_and_anchors(self) -> None:
        """Both files outside the databases, line by line."""
        self.life.wait(lambda: journal.waiting().count(), "lines of the journal were not written", unseen)
        verdict = journal.verify(journal_file.needed())
        self.figures["journal"] = {"lines": verdict.in_file, "fault": verdict.fault}
        self.figures["anchors"] = {"noted": len(anchors.noted().heads), "hold": anchors.verify().ok}

    # --- new words

    def _reconsent(self) -> None:
        """Those who signed older words are asked for today's; a few answer, then the run is closed."""
        form = consents.current_form(self.study.key, self.study.languages)
        assert form is not None
        run = reconsent.start(by=study.LIV, study=self.study, form=form, now=self.life.now)
        self.life.settle("Rights: asking for new words")
        came = {mail.to: mail for mail in self.life.mailbox.new() if mail.link(CONSENT)}
        others = [mail for address, mail in came.items() if address in self.life.conducts]
        for mail in others[:AGREE]:
            OwnPage(mail, self.life.browser).agree(but="interview" if mail is others[0] else "")
        said = reconsent.coverage(run)
        self.life.set_clock(RECONSENT_CLOSES)
        run = reconsent.close(by=study.LIV, run=run, lift=True, now=self.life.now)
        self.figures["reconsent"] = {
            "asked": run.asked,
            "written_to": said.total("written_to"),
            "answered": said.total("answered"),
            "to_new_address": people.MOVED in came,
            "to_old_address": self.cast.moves in came,
            "closed": run.closed_at is not None,
        }

    # --- parts

    def _own(self, name: str) -> OwnPage:
        return OwnPage(self.life.letters[getattr(self.cast, name)], self.life.browser)

    def _by(self, came: list[Mail], address: str, use: str) -> OwnPage:
        """The letter to an address that has a link of this use."""
        return OwnPage(
            next(mail for mail in came if mail.to == address and mail.link(use)), self.life.browser
        )

    def _find(self, address: str) -> list[str]:
        """Codes at an address, as the contact keeper looks them up."""
        return enrolment.find_member(
            by=study.VERA, study=self.study, address=address, reason="They wrote to us.", now=self.life.now
        )

    def _code(self, address: str) -> str:
        (code,) = self._find(address)
        return code

    def _exists(self, name: str) -> bool:
        return PanelMember.objects.filter(code=self.codes[name]).exists()

    def _answers(self, name: str) -> int:
        return Response.objects.filter(
            case__member__code=self.codes[name], completed_at__isnull=False
        ).count()

    def _request(self) -> dict[str, Any]:
        request = Request.objects.get(pk=self.request.pk)
        in_time = request.answered_on is not None and request.answered_on <= request.due_on
        return {"state": request.state, "in_time": in_time}


def leave_open(life: Life, *, now: datetime) -> None:
    """What waits at the desk on the first day of `make run`: a request whose deadline is near, a file outside from
    which somebody who left must be taken out, a change of address that nobody has confirmed yet.
    """
    life.set_clock(now)
    by_code = life.study.members.select_related("study").order_by("code")
    found = by_code.open_to_letters()
    left = by_code.filter(status=PanelMember.Status.LEFT)
    with life.progress("Rights: what is still open"):
        requests.receive(
            by=study.LIV, member=found[0], kind=Request.Kind.RESTRICTION, channel=Request.Channel.MAIL,
            received_on=localdate(now - CAME), asked="Asks not to be in any file while this is looked at.", now=now,
        )  # fmt: skip
        files.register(
            by=study.LIV, study=life.study, kind=OutsideItem.Kind.LINKED_FILE, what="Answers of 2023 with codes",
            where="The institute's safe room, folder 12", holder="Ines", made_on=localdate(now - CAME),
            codes=[member.code for member in (*found[:3], *left[:1])], now=now,
        )  # fmt: skip
        not_these = {*life.left, *life.bouncing, *(life.conducts.keys() - life.letters.keys())}
        mover = people.cast(life.conducts, not_these, life.rng).moves
        OwnPage(life.letters[mover], life.browser).change_address(people.WAITING)
