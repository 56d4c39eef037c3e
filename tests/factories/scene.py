"""A study in mid-wave for the desk: members, letters sent and in doubt, answers, leavers, flags, releases.

All of it reached through the product's services; the cast works in it, Tor in another study of the same kind.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from consent import selectors as consent
from consent.models import ConsentForm, ConsentText
from panel.audit.rules import Actor
from panel.instruments import services as instruments
from panel.instruments.models import InstrumentVersion
from panel.invitations import marking, sending
from panel.invitations import services as outbox
from panel.members.models import PanelMember, Study
from panel.releases import services as releases
from panel.releases.models import Release
from panel.residency import services as residency
from panel.residency.models import Flag
from panel.responses.models import Response
from panel.responses.services import save_page
from panel.rights.models import OutsideItem, ReconsentRun, Request
from panel.waves import services as waves
from panel.waves.models import Case, Wave
from tests.factories import cast, fielding, recruits
from tests.instruments.forms import EXITNORWAY

NOW = fielding.NOON
DAY = timedelta(days=1)
REMINDER_DAY = NOW + 7 * DAY
HOW_TO_CHECK = json.dumps({language: "nordhavn.example.org" for language in ("nb", "en", "uk", "ru")})
LIVES = {"where_live": ["in_norway"]}
RETURNED = {"where_live": ["returned"], "left_month-year": ["2023"], "left_month-month": ["2"],
            "region": ["west"], "exit_reasons": ["home"]}  # fmt: skip
MOVED_ON = {"where_live": ["moved_on"], "exit_reasons": ["no_work", "language"]}


@dataclass(frozen=True)
class Scene:
    """What tests of the desk start from."""

    study: Study
    wave: Wave
    members: list[PanelMember]

    def case(self, number: int) -> Case:
        """The case of the how-manieth member."""
        found = Case.objects.select_related("wave__instrument", "member__study")
        return found.get(wave=self.wave, member=self.members[number])

    @property
    def flag(self) -> Flag:
        """A flag that waits for its review."""
        return Flag.objects.filter(member__study=self.study, state=Flag.State.OPEN).order_by("raised_on")[0]

    @property
    def request(self) -> Request:
        """The oldest request on rights."""
        return Request.objects.filter(study=self.study).order_by("due_on")[0]

    @property
    def outside(self) -> OutsideItem:
        """What lies outside."""
        return OutsideItem.objects.filter(study=self.study).order_by("made_on")[0]

    @property
    def signed(self) -> ConsentText:
        """Words that members signed."""
        return consent.text_of(
            study_key=self.study.key, version="2022-06-01", question="recontact", language="uk"
        )

    @property
    def draft(self) -> ConsentForm:
        """The form that Signe writes."""
        return ConsentForm.objects.get(study_key=self.study.key, status=ConsentForm.Status.DRAFT)

    @property
    def run(self) -> ReconsentRun:
        """The last run that asked for new consent."""
        return ReconsentRun.objects.filter(study=self.study).order_by("-started_at")[0]


def version(of: Study) -> InstrumentVersion:
    """The example's questionnaire, approved."""
    made = instruments.import_instrument(
        by=cast.SYSTEM, study=of, slug="main", title="Life now", source=EXITNORWAY.read_bytes(), now=NOW
    )
    return instruments.approve_version(by=cast.SYSTEM, version=made, now=NOW)


def answer(case: Case, given: dict[str, list[str]], *, now: datetime = NOW) -> Response:
    """To the end, all else left blank; evidence is taken as the portal does."""
    saved = save_page(case=case, page="now", raw=given, language="en", revision=0, now=now)
    while not saved.completed:
        assert saved.next_page
        assert not saved.errors, saved.errors
        revision = saved.response.revision
        saved = save_page(
            case=case, page=saved.next_page, raw=given, language="en", revision=revision, now=now
        )
    residency.take_evidence(response=saved.response, now=now)
    return saved.response


def wave(of: Study, name: str = "2023", number: int = 1) -> Wave:
    """Open since yesterday, for thirty days."""
    planned = waves.plan_wave(
        by=cast.SIGNE, study=of, name=name, number=number, instrument=version(of), opens_at=NOW - DAY,
        closes_at=NOW + 30 * DAY, reminder_days=[7, 14], now=NOW,
    )  # fmt: skip
    waves.approve_wave(by=cast.LIV, wave=planned, now=NOW)
    waves.turn(now=NOW)
    planned.refresh_from_db()
    return planned


def doubt(now: datetime) -> None:
    """A worker died before it spoke to the mail server: what was due at `now` is in doubt."""
    outbox.queue_due(now=now)
    for claimed in outbox.dispatch(now=now):
        marking.begin(sending.make_ready(claim=claimed.claim, now=now), now)
    outbox.sweep_leases(now=now + timedelta(hours=1))


def scene(people: int = 8, slug: str = "exitnorway") -> Scene:
    """Two left, one of them reviewed; one is in doubt; the others live in Norway or are silent."""
    study = cast.study(slug, how_to_check=HOW_TO_CHECK)
    fielding.with_letters(study)
    members = cast.people(study, people)
    opened = wave(study)
    fielding.send_all(NOW)
    made = Scene(study, opened, members)
    answer(made.case(0), RETURNED, now=NOW + DAY)
    answer(made.case(1), MOVED_ON, now=NOW + DAY)
    answer(made.case(2), LIVES, now=NOW + 2 * DAY)
    confirmed = Flag.objects.get(member=members[1])
    residency.review_flag(
        by=cast.SIGNE,
        flag=confirmed,
        state=Flag.State.CONFIRMED,
        reason="Month and place fit.",
        now=NOW + 2 * DAY,
    )
    return made


def release(of: Study, *, by: Actor = cast.INES) -> Release:
    """Microdata of wave 0, asked for; the study needs the recruits of `crowd`."""
    return releases.ask(by=by, study=of, wave=None, product=Release.Product.MICRODATA, now=NOW)


def crowd(of: Study, lines: int = 180) -> None:
    """Enough recruits that a file of them can be released."""
    file = recruits.SURVEY.decode("utf-8-sig").splitlines(keepends=True)[:lines]
    cast.enrolment.enrol(by=cast.SYSTEM, study=of, data="".join(file).encode(), suffix=".csv", now=cast.NOW)
