"""Asking, deciding, giving out: who may, in which order, and that a broken last write keeps nothing."""

import csv
import io
from datetime import timedelta

import pyarrow.parquet as pq
import pytest
from django.db import IntegrityError, transaction

from panel.audit import services as audit
from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.errors import BadInput, Damaged, NotAllowed, NotFound, NotNow
from panel.members.models import Study
from panel.members.rules import Role
from panel.releases import selectors, services
from panel.releases.disclosure import judge
from panel.releases.manifest import as_bytes, sha256
from panel.releases.models import Release, ReleaseFile
from panel.releases.rules import CHECKLIST, TRANSITIONS, check_second_person, check_step
from tests.releases.conftest import CANARY, INES, LIV, NOW, RAVN, a_study, give

State = Release.State
LATER = NOW + timedelta(days=60)
TOR = Actor.staff("tor")


@pytest.fixture
def asked(fielded) -> Release:
    return services.ask(by=INES, study=fielded.study, wave=fielded.wave, product="B", now=LATER)


@pytest.fixture
def approved(asked) -> Release:
    return services.approve(by=RAVN, release=asked, reason="fine", now=LATER)


def data_of(release: Release, ends: str) -> bytes:
    return bytes(release.files.get(name__endswith=ends).content)


def test_microdata_reach_their_thresholds_and_say_so(asked):
    """SDC-02, SDC-07, SDC-09: the frozen file itself is judged, not what the code says of it."""
    rows = list(csv.DictReader(io.StringIO(data_of(asked, ".csv").decode())))
    quasi = list(asked.manifest["quasi_identifiers"])
    verdict = judge(rows, quasi)
    assert quasi == ["w0_gender", "w0_birth_year", "work"]
    assert verdict["verdict"] == "accepted"
    assert (verdict["k"], verdict["rows"]) == (asked.manifest["k"], asked.manifest["rows"])
    assert asked.manifest["rows"] + asked.manifest["suppressed"] == asked.manifest["rows_before"] == 80
    assert asked.manifest["suppressed"] <= 4
    assert pq.read_table(io.BytesIO(data_of(asked, ".parquet"))).to_pylist() == rows


def test_nothing_of_free_text_or_codes_is_in_any_file(asked):
    """SDC-07, CRY-10: no id at all in an anonymised file."""
    codes = set(asked.study.members.values_list("code", flat=True))
    for file in asked.files.all():
        text = bytes(file.content).decode("utf-8", "replace")
        assert CANARY not in text
        assert not any(code in text for code in codes)


def test_rows_stand_in_an_order_that_tells_nothing(asked):
    lines = data_of(asked, ".csv").decode().splitlines()[1:]
    assert lines == sorted(lines, key=lambda line: line.split(","))


def test_the_manifest_hashes_every_file_and_survives_the_database(asked):
    stored = Release.objects.get(pk=asked.pk)
    assert sha256(as_bytes(stored.manifest)) == stored.sha256
    assert data_of(stored, "-manifest.json") == as_bytes(stored.manifest)
    for file in stored.files.exclude(name__endswith="-manifest.json"):
        assert stored.manifest["files"][file.name]["sha256"] == file.sha256 == sha256(bytes(file.content))


def test_the_same_answers_give_the_same_files(fielded):
    twice = [
        services.ask(by=INES, study=fielded.study, wave=fielded.wave, product="B", now=LATER)
        for _n in range(2)
    ]
    assert twice[0].sha256 == twice[1].sha256


def test_the_reasons_table_hides_what_is_small(fielded):
    """SDC-05, SDC-06: ten longed, of ten: everybody, so hidden."""
    release = services.ask(by=INES, study=fielded.study, wave=fielded.wave, product="A", now=LATER)
    lines = {row["code"]: row for row in csv.DictReader(io.StringIO(data_of(release, ".csv").decode()))}
    assert (lines["all"]["base"], lines["returned"]["base"], lines["moved_on"]["base"]) == ("16", "10", "6")
    assert lines["longing"]["count"] == lines["language"]["count"] == ":"
    assert release.manifest["suppressed"] == sum(row["count"] == ":" for row in lines.values())


def test_who_may_ask(fielded):
    for nobody in (RAVN, LIV, TOR, Actor.staff("nobody")):
        with pytest.raises(NotAllowed):
            services.ask(by=nobody, study=fielded.study, wave=fielded.wave, product="B", now=LATER)
    assert not Release.objects.exists()


def test_an_open_wave_is_not_released(fielded):
    fielded.wave.status = "open"
    with pytest.raises(NotNow, match="not closed"):
        services.ask(by=INES, study=fielded.study, wave=fielded.wave, product="B", now=LATER)


def test_a_wave_of_another_study_is_not_there(fielded):
    other = a_study("other")
    with pytest.raises(NotFound):
        services.ask(by=INES, study=other, wave=fielded.wave, product="B", now=LATER)


def test_wave_0_has_microdata_but_no_reasons(fielded):
    assert services.ask(by=INES, study=fielded.study, wave=None, product="B", now=LATER).wave_name == "0"
    with pytest.raises(BadInput, match="Wave 0"):
        services.ask(by=INES, study=fielded.study, wave=None, product="A", now=LATER)


def test_thresholds_out_of_reach_write_nothing(fielded):
    Study.objects.filter(pk=fielded.study.pk).update(disclosure={**fielded.study.disclosure, "k": 100})
    fielded.study.refresh_from_db()
    events = AuditEvent.objects.count()
    with pytest.raises(NotNow, match="fewer than 100"):
        services.ask(by=INES, study=fielded.study, wave=fielded.wave, product="B", now=LATER)
    assert not Release.objects.exists()
    assert AuditEvent.objects.count() == events


def test_who_asks_never_approves(fielded, asked):
    """SDC-08: not even with the reviewer's role; the database says so too."""
    give(fielded.study, "ines", Role.REVIEWER)
    for decide in (services.approve, services.reject):
        with pytest.raises(NotAllowed, match="another reviewer"):
            decide(by=INES, release=asked, reason="mine", now=LATER)
    with pytest.raises(NotAllowed):
        services.open_for_review(by=INES, release=asked, file="x", now=LATER)
    with pytest.raises(IntegrityError), transaction.atomic():
        Release.objects.filter(pk=asked.pk).update(
            state="approved", reviewed_by="ines", reviewed_at=LATER, reason="mine"
        )
    with pytest.raises(NotAllowed):
        check_second_person("ines", "ines")


def test_a_review_needs_role_reason_and_the_whole_checklist(asked):
    """SDC-08: checklist, reason, hash."""
    with pytest.raises(NotAllowed):
        services.approve(by=TOR, release=asked, reason="fine", now=LATER)
    with pytest.raises(BadInput, match="reason"):
        services.approve(by=RAVN, release=asked, reason="  ", now=LATER)
    with pytest.raises(BadInput, match="checklist"):
        services.approve(by=RAVN, release=asked, reason="fine", checked={"thresholds": True}, now=LATER)
    services.approve(by=RAVN, release=asked, reason="fine", checked=dict.fromkeys(CHECKLIST, True), now=LATER)
    stored = Release.objects.get(pk=asked.pk)
    assert (stored.state, stored.reviewed_by, stored.reason) == (State.APPROVED, "ravn", "fine")
    assert stored.checklist == dict.fromkeys(CHECKLIST, True)


@pytest.mark.parametrize("old", State)
@pytest.mark.parametrize("new", State)
def test_transition_table(old, new):
    """SDC-08: what isn't in the table can't happen."""
    if new in TRANSITIONS[old]:
        check_step(old, new)
    else:
        with pytest.raises(NotNow):
            check_step(old, new)


def test_two_reviewers_at_once_decide_once(fielded, asked):
    """The second one holds a row that was read before the first decided."""
    stale = Release.objects.get(pk=asked.pk)
    services.reject(by=RAVN, release=asked, reason="too fine", now=LATER)
    with pytest.raises(NotNow, match="meantime"):
        services.approve(by=LIV, release=stale, reason="fine", now=LATER)
    assert Release.objects.get(pk=asked.pk).state == State.REJECTED


def test_nothing_unapproved_can_be_downloaded(asked):
    """SDC-08: asked, rejected and withdrawn alike."""
    name = asked.files.first().name
    with pytest.raises(NotNow):
        services.open_download(by=INES, release=asked, file=name, now=LATER)
    assert services.open_for_review(by=RAVN, release=asked, file=name, now=LATER)
    services.reject(by=RAVN, release=asked, reason="no", now=LATER)
    for opened in (services.open_download, services.open_for_review):
        with pytest.raises((NotNow, NotAllowed)):
            opened(by=INES, release=asked, file=name, now=LATER)


def test_a_withdrawn_release_is_not_given_out_even_to_who_held_it(approved):
    name = approved.files.first().name
    held = Release.objects.get(pk=approved.pk)
    services.withdraw(by=INES, release=approved, reason="an error in the form", now=LATER)
    with pytest.raises(NotNow):
        services.open_download(by=INES, release=held, file=name, now=LATER)


def test_a_download_leaves_an_audit_row(approved):
    name = approved.files.get(name__endswith=".csv").name
    data = services.open_download(by=INES, release=approved, file=name, now=LATER)
    assert data == data_of(approved, ".csv")
    event = AuditEvent.objects.latest("id")
    assert (event.actor, event.verb, event.subject) == ("ines", "release.downloaded", str(approved.pk))
    assert event.detail["file"] == name
    with pytest.raises(NotFound):
        services.open_download(by=INES, release=approved, file="nose.csv", now=LATER)


def test_a_file_changed_in_the_database_is_not_given_out(approved):
    """SDC-09: frozen means that a change is seen."""
    file = approved.files.get(name__endswith=".csv")
    changed = bytes(file.content) + b"x\n"
    ReleaseFile.objects.filter(pk=file.pk).update(content=changed, sha256=sha256(changed))
    with pytest.raises(Damaged):
        services.open_download(by=INES, release=approved, file=file.name, now=LATER)


def test_a_release_is_a_snapshot(fielded, approved):
    """SDC-09: a deletion counts from the next one."""
    before = data_of(approved, ".csv")
    fielded.cases[0].response.delete()
    assert (
        services.open_download(
            by=INES, release=approved, file=approved.files.get(name__endswith=".csv").name, now=LATER
        )
        == before
    )
    following = services.ask(by=INES, study=fielded.study, wave=fielded.wave, product="B", now=LATER)
    assert following.manifest["rows_before"] == 79


ACTIONS = {
    "ask": lambda release: services.ask(
        by=INES, study=release.study, wave=release.wave, product="B", now=LATER
    ),
    "approve": lambda release: services.approve(by=RAVN, release=release, reason="fine", now=LATER),
    "reject": lambda release: services.reject(by=RAVN, release=release, reason="no", now=LATER),
    "withdraw": lambda release: services.withdraw(by=INES, release=release, reason="no", now=LATER),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_a_broken_last_write_keeps_nothing(asked, action, monkeypatch):
    """The audit row is the last write of each action."""

    def broken(**_given):
        raise RuntimeError("disk full")

    monkeypatch.setattr(audit, "record", broken)
    with pytest.raises(RuntimeError):
        ACTIONS[action](asked)
    assert Release.objects.count() == 1
    assert Release.objects.get().state == State.ASKED
    assert ReleaseFile.objects.count() == 5


def test_lists_are_narrowed_to_the_person(fielded, asked, django_user_model):
    """ZON-04: who reviews sees what waits, who downloads what is approved, another study nothing."""
    ines, ravn, liv = (django_user_model.objects.get(username=name) for name in ("ines", "ravn", "liv"))
    give(a_study("other"), "tor", Role.REVIEWER)
    tor = django_user_model.objects.get(username="tor")
    colleague = django_user_model.objects.create(username="per")
    give(fielded.study, "per", Role.RESEARCHER)
    assert list(selectors.to_review_by(ravn)) == [asked]
    assert list(selectors.visible_to(ines)) == [asked]
    assert not selectors.visible_to(colleague).exists()
    assert not selectors.visible_to(tor).exists()
    assert not selectors.downloadable_by(ines).exists()
    services.approve(by=RAVN, release=asked, reason="fine", now=LATER)
    assert list(selectors.downloadable_by(colleague)) == list(selectors.downloadable_by(liv)) == [asked]
    assert not selectors.to_review_by(ravn).exists()
    assert list(selectors.visible_to(colleague)) == [asked]
    assert not selectors.visible_to(tor).exists()
