"""The whole main job, once through: from a recruitment file to an anonymised wave, and the ways out of it."""

import csv
import hashlib
import io
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from panel.audit import selectors as audit
from panel.demo import haystack
from panel.demo.mailbox import Mail, Mailbox
from panel.invitations import services as outbox
from panel.invitations.models import Outgoing
from panel.invitations.sending import send_chunk
from panel.keys.models import DataKey
from panel.members.models import PanelMember
from panel.releases.models import Release
from panel.releases.rules import CHECKLIST
from panel.residency.models import Evidence, Flag, Spell
from panel.rights.models import Stop
from panel.rights.rules import DELETE_WORDS
from panel.vault import services as vault
from panel.vault.models import Card
from panel.waves import selectors as waves
from panel.waves.models import Case, Wave
from tests.factories import cast, recruits, scene
from tests.journeys import town as t
from tests.portal.html import LANGUAGES, see

CROWD = 60
#: Who does what with the invitation, in a language of their own. Addresses tell their part.
PARTS = {
    "stays": "uk", "returned": "en", "halfway": "nb", "silent": "ru", "pause": "uk", "no_reminders": "nb",
    "no_mail": "en", "leave_keep": "ru", "leave_delete": "uk", "one_click": "nb", "at_the_last_moment": "ru",
}  # fmt: skip
RETURNED = {
    "where_live": "returned", "left_month-year": "2023", "left_month-month": "02", "region": "west",
    "exit_reasons": ["home"],
}  # fmt: skip
REMINDED = {"halfway", "silent"}
WORDS = "Svalen 4711 er et ord for seg"


def address(part: str) -> str:
    return f"{part}@example.net"


def rows() -> list[recruits.Row]:
    """Those with a part, then a crowd; in all four languages."""
    cast_of = [
        recruits.row(n, E_post=address(part), Fornavn=f"Fornavn {part}", Språk=language)
        for n, (part, language) in enumerate(PARTS.items(), start=2)
    ]
    crowd = [recruits.row(n, Språk=LANGUAGES[n % 4]) for n in range(100, 100 + CROWD)]
    return [*cast_of, *crowd]


def member_at(town: t.Town, part: str) -> PanelMember:
    """The member with this part, by the one way there is from an address to a code."""
    ((card,),) = vault.find_by_address([address(part)]).values()
    return town.study.members.get(code=card.code)


def invite(town: t.Town, tmp_path) -> dict[str, Mail]:
    """Enrolled, planned, approved, opened: everybody has the invitation, in their language."""
    enrolled = town.enrol(tmp_path / "people.csv", *rows(), recruits.row(300, Samtykke_ny_kontakt="Nei"))
    assert enrolled["outcome"] == {"enrolled": len(PARTS) + CROWD, "no_consent_to_recontact": 1}
    wave = town.wave()
    assert wave.status == "approved"
    assert town.tick(t.OPENS - t.DAY) == {}
    letters = town.tick(t.OPENS)
    assert len(letters) == len(PARTS) + CROWD
    for part, language in PARTS.items():
        assert see_language(town, letters[address(part)]) == language
    return letters


def see_language(town: t.Town, letter: Mail) -> str:
    """The language of the letter and of the page behind it, which agree."""
    (language,) = see(Client(), t.path(letter.answer_link)).find("//html/@lang")
    assert letter.text.startswith(t.GREETINGS[language])
    return str(language)


def answers_come_in(town: t.Town, letters: dict[str, Mail], wave: Wave) -> None:
    """One stays, one returned to Ukraine, one stops halfway; the crowd lives in Norway."""
    client = Client()
    t.answer(client, letters[address("stays")].answer_link, where_live="in_norway", comment=WORDS)
    t.answer(client, letters[address("returned")].answer_link, **RETURNED)
    next(page for n, page in enumerate(t.steps(client, letters[address("halfway")].answer_link)) if n == 2)
    with_part = [member_at(town, part).pk for part in PARTS]
    cases = Case.objects.select_related("wave__instrument", "member__study").filter(wave=wave)
    for case in cases.exclude(member__in=with_part):
        scene.answer(case, scene.LIVES, now=town.clock.moment)
    progress = waves.progress(wave)
    assert (progress.completes, progress.started) == (CROWD + 2, CROWD + 3)


def flag_is_reviewed(town: t.Town) -> None:
    """Evidence, spell and flag of the one who left; the coordinator confirms it, by code (RES-02, RES-04)."""
    left = member_at(town, "returned")
    evidence = Evidence.objects.get(member=left)
    assert (evidence.place, evidence.month, evidence.region) == ("returned", "2023-02", "west")
    flag = Flag.objects.get(member__study=town.study)
    assert (flag.member, flag.state) == (left, Flag.State.OPEN)
    listed = town.at_desk(cast.SIGNE).get(reverse("desk:residency_flag_changelist"))
    assert left.code in listed.text
    assert address("returned") not in listed.text
    town.does(cast.SIGNE, "residency_flag_step", flag.pk, "confirm", reason="Month and place fit.")
    flag.refresh_from_db()
    left.refresh_from_db()
    assert (flag.state, left.place, left.status) == (Flag.State.CONFIRMED, "returned", "active")
    assert Spell.objects.filter(member=left, place="returned", from_month="2023-02", to_month="").exists()


def each_stops_in_their_way(town: t.Town, letters: dict[str, Mail]) -> None:
    """LAW-05, LAW-06, TOK-03: one page and one press, from the letter, without an account or a reason."""
    client, later = Client(), f"{t.OPENS + 60 * t.DAY:%Y-%m-%d}"
    given = {"pause": {"until": later}, "leave_delete": {"word": DELETE_WORDS["uk"]}}
    for rung in ("pause", "no_reminders", "no_mail", "leave_keep", "leave_delete"):
        assert t.stop(client, letters[address(rung)], rung, **given.get(rung, {})).status == 200
    assert t.one_click(client, letters[address("one_click")]) == 200
    assert Stop.objects.filter(state=Stop.State.IN_FORCE).count() == 6
    # A receipt goes to who left and kept the answers; who wants all deleted gets no further word.
    receipts = town.tick(town.clock.moment + t.DAY)
    assert set(receipts) == {address("leave_keep")}
    assert not receipts[address("leave_keep")].answer_link


def reminders_go_out(town: t.Town) -> None:
    """To those who didn't finish and didn't stop; one stops when theirs is claimed already (LAW-03)."""
    town.clock.set(t.OPENS + 7 * t.DAY)
    outbox.queue_due(now=town.clock.moment)
    claims = list(outbox.dispatch(now=town.clock.moment))
    in_hand = Outgoing.objects.filter(member=member_at(town, "at_the_last_moment"), kind="reminder")
    assert in_hand.get().state == "claimed"
    (invitation,) = town.got(address("at_the_last_moment"))
    t.stop(Client(), invitation, "no_mail")
    assert sum(send_chunk(claim=one.claim, now=town.clock.moment) for one in claims) == len(REMINDED)
    assert set(town.post()) == {address(part) for part in REMINDED}


def halfway_goes_on(town: t.Town) -> None:
    """The reminder's link leads to where the first letter's link stopped."""
    _invitation, reminder = town.got(address("halfway"))
    page = t.pages(Client(), reminder.answer_link)
    assert page.revision() == "2"
    t.answer(Client(), reminder.answer_link, where_live="in_norway")


def deletion_is_carried_out(town: t.Town) -> None:
    """After 14 days nothing of the person is kept but the proof by code (LAW-06)."""
    member = member_at(town, "leave_delete")
    (letter,) = town.got(address("leave_delete"))
    case = member.cases.get()
    words = [member.code, *(form for key in (member.pk, case.pk) for form in (key.hex, str(key)))]
    asked = Stop.objects.get(member=member).asked_at
    assert not town.tick(asked + 14 * t.DAY - timedelta(minutes=1))
    assert set(places(*words)) >= {"default.waves_case", "default.members_panelmember", "default.rights_stop"}
    town.tick(asked + 14 * t.DAY)
    kept = places(*words)
    ledgers = ("consent_consententry", "audit_auditevent", "journal_journalentry", "rights_stop")
    assert set(kept) == {f"default.{table}" for table in ledgers}
    assert set().union(*kept.values()) == {member.code}
    assert vault.find_by_address([address("leave_delete")]) == {address("leave_delete"): []}
    assert (
        Card.objects.count() == DataKey.objects.count() == town.study.members.count() - 1
    )  # one left, and kept
    unknown = see(Client(), "/m/" + "x" * 43)
    gone = see(Client(), t.path(letter.stop_link))
    assert (gone.status, gone.text) == (unknown.status, unknown.text) == (404, unknown.text)


def places(*words: str) -> dict[str, set[str]]:
    """Table -> which of these stand in it."""
    found = {}
    for place, data in haystack.tables():
        if hits := {word for word in words if word.encode() in data}:
            found[place] = hits
    return found


def nothing_more_goes_out(town: t.Town) -> None:
    """NEV-11: until the wave is over, none who stopped hears of it again."""
    assert not town.tick(t.OPENS + 22 * t.DAY)
    for part in set(PARTS) - REMINDED - {"stays", "returned"}:
        assert len([letter for letter in town.got(address(part)) if letter.answer_link]) == 1, part
    assert not town.tick(t.CLOSES)
    assert not Outgoing.objects.filter(state__in=("queued", "claimed", "sending", "deferred")).exists()


def wave_is_released(town: t.Town, wave: Wave) -> bytes:
    """Asked by the researcher, approved by the reviewer, downloaded with a token (SDC-01, SDC-08)."""
    given = {"study": town.study.pk, "wave": wave.pk, "product": "B"}
    town.does(cast.INES, "releases_release_ask", **given)
    release = Release.objects.get()
    token = town.command("api_token", "ines")["token"]
    assert api(token)["results"] == []
    ticks = {f"point_{point}": "on" for point in CHECKLIST}
    town.does(cast.RAVN, "releases_release_step", release.pk, "approve", reason="Looked through.", **ticks)
    (shown,) = api(token)["results"]
    (file,) = (
        one for one in shown["files"] if one["name"].endswith(".csv") and "codebook" not in one["name"]
    )
    answer = Client().get(t.path(file["url"]), headers={"Authorization": f"Token {token}"})
    data = b"".join(answer) if answer.streaming else answer.content
    assert hashlib.sha256(data).hexdigest() == file["sha256"]
    assert shown["k"] >= 6
    return data


def api(token: str):
    answer = Client().get("/api/v1/releases/", headers={"Authorization": f"Token {token}"})
    assert answer.status_code == 200
    return answer.json()


def file_is_anonymous(town: t.Town, data: bytes, tmp_path) -> None:
    """As an outsider sees it: no row alone, no code, no word of anybody's own (SDC-02, SDC-07)."""
    file = tmp_path / "downloaded.csv"
    file.write_bytes(data)
    manifest = Release.objects.get().manifest
    quasi = ",".join(manifest["quasi_identifiers"])
    verdict = town.command("release_check", file, "--quasi", quasi)
    assert verdict["k"] >= 6
    assert verdict["below_k"] == 0
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert len(rows) + manifest["suppressed"] == CROWD + 3 == manifest["rows_before"]
    codes = list(town.study.members.values_list("code", flat=True))
    assert not [word for word in (*codes, WORDS, "comment", "@") if word in data.decode()]


def test_from_a_recruitment_file_to_an_anonymised_wave(town, in_process, tmp_path):
    """All of it once, by command, desk, letters, pages and API."""
    letters = invite(town, tmp_path)
    wave = town.study.waves.get()
    town.clock.set(t.OPENS + t.DAY)
    answers_come_in(town, letters, wave)
    flag_is_reviewed(town)
    each_stops_in_their_way(town, letters)
    reminders_go_out(town)
    halfway_goes_on(town)
    assert set(town.tick(t.OPENS + 14 * t.DAY)) == {address("silent")}
    deletion_is_carried_out(town)
    nothing_more_goes_out(town)
    data = wave_is_released(town, wave)
    file_is_anonymous(town, data, tmp_path)
    assert audit.verify().ok


@pytest.mark.django_db(transaction=True)
def test_a_real_worker_does_what_beat_asks_for(
    clock, mail_catcher, service_env, celery_worker_process, by_worker, tmp_path
):
    """Redis, Celery and SMTP are real: invitation, answer, reminder, a deletion without the wait."""
    town = t.settle(clock, Mailbox(mail_catcher.maildir))
    town.enrol(tmp_path / "people.csv", *(recruits.row(n, E_post=f"p{n}@example.net") for n in range(2, 5)))
    town.wave()
    celery_worker_process(env={"CLOCK_FILE": str(clock.file)})
    invited = by_worker(town, t.OPENS, letters=3)
    assert set(invited) == {"p2@example.net", "p3@example.net", "p4@example.net"}
    t.answer(Client(), invited["p2@example.net"].answer_link, **RETURNED)
    word = {"word": DELETE_WORDS["en"], "waive": "yes"}
    assert t.stop(Client(), invited["p3@example.net"], "leave_delete", **word).status == 200
    reminded = by_worker(town, t.OPENS + 7 * t.DAY, letters=1)
    assert set(reminded) == {"p4@example.net"}
    assert t.wait_until(lambda: Stop.objects.get().state == Stop.State.DONE)
    assert not town.post()
    assert (town.study.members.count(), Card.objects.count()) == (2, 2)
    assert Flag.objects.get().member.study == town.study
    assert audit.verify().ok
