"""Pages are checked and kept; who answers on two screens, twice or too late breaks nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections

from consent.models import ConsentEntry
from panel.errors import BadInput, NotNow
from panel.instruments.selectors import questionnaire
from panel.members import services as members
from panel.members.models import PanelMember
from panel.responses import services
from panel.responses.models import Response
from panel.responses.services import save_page
from panel.waves.models import CaseEvent
from tests.factories import answering
from tests.factories.answering import CLOSES, NOW, OPENS, SYSTEM
from tests.instruments.forms import next_page

pytestmark = pytest.mark.django_db

LEFT = {"where_live": ["moved_on"]}
STAYS = {"where_live": ["in_norway"]}


@pytest.fixture
def field(db):
    return answering.in_field()


def save(field, page, raw, revision, **changes):
    given = {"case": field.case(), "language": "uk", "now": NOW, **changes}
    return save_page(page=page, raw=raw, revision=revision, **given)


def kinds(field):
    return list(CaseEvent.objects.filter(case=field.case()).order_by("id").values_list("kind", flat=True))


def finish(field, first=STAYS, last=None, **changes):
    """Walk to the end, leaving blank what may be blank; gives the last outcome."""
    saved = save(field, "now", first, 0, **changes)
    while not saved.completed:
        raw = (last or {}) if saved.next_page == "last" else {}
        saved = save(field, saved.next_page, raw, saved.response.revision, **changes)
        assert not saved.errors
    return saved


def test_the_first_saved_page_starts_the_case(field):
    saved = save(field, "now", STAYS, 0)
    assert (saved.errors, saved.completed, saved.next_page) == ({}, False, "people")
    kept = Response.objects.get()
    assert (kept.answers, kept.saved, kept.page) == ({"where_live": "in_norway"}, ["now"], "people")
    assert (kept.revision, kept.language, kept.started_at) == (1, "uk", NOW)
    assert kinds(field) == ["started"]


def test_a_page_with_errors_keeps_nothing(field):
    saved = save(field, "now", {}, 0)
    assert set(saved.errors) == {"where_live"}
    assert not Response.objects.exists()
    assert kinds(field) == []


def test_the_last_page_completes_the_case(field):
    saved = finish(field)
    assert (saved.completed, saved.next_page) == (True, None)
    assert Response.objects.get().completed_at == NOW
    assert kinds(field) == ["started", "completed"]


def test_a_completion_whose_event_fails_keeps_nothing_of_the_page(field, monkeypatch):
    """The last write breaks: the page is not saved either."""
    saved = save(field, "now", STAYS, 0)
    while saved.next_page != "last":
        saved = save(field, saved.next_page, {}, saved.response.revision)
    before = Response.objects.values().get()

    def broken(**_given):
        raise RuntimeError

    monkeypatch.setattr(services, "record_event", broken)
    with pytest.raises(RuntimeError):
        save(field, "last", {"comment": ["words"]}, saved.response.revision)
    assert Response.objects.values().get() == before
    assert kinds(field) == ["started"]


def test_going_back_drops_answers_that_no_longer_count(field):
    saved = save(field, "now", LEFT, 0)
    saved = save(field, "leaving", {"left_month-year": ["2023"], "left_month-month": ["03"]}, 1)
    assert saved.response.answers["left_month"] == "2023-03"
    saved = save(field, "now", STAYS, 2)
    assert saved.response.answers == {"where_live": "in_norway"}
    assert saved.response.saved == ["now"]


def test_a_page_that_now_asks_something_else_is_seen_again(field):
    """Reasons for leaving are others for who returned: the page counts as not yet answered."""
    save(field, "now", LEFT, 0)
    save(field, "leaving", {}, 1)
    save(field, "reasons", {"exit_reasons": ["language"]}, 2)
    saved = save(field, "now", {"where_live": ["returned"]}, 3)
    assert "reasons" not in saved.response.saved
    assert "exit_reasons" not in saved.response.answers
    assert saved.response.page == "leaving"


def test_an_earlier_page_saved_again_leads_on_and_completes_nothing(field):
    save(field, "now", STAYS, 0)
    saved = save(field, "people", {}, 1)
    again = save(field, "now", STAYS, 2)
    assert (again.next_page, again.response.page) == ("people", saved.next_page)


def test_an_old_revision_of_a_second_device_is_refused(field):
    save(field, "now", STAYS, 0)
    save(field, "people", {"household": ["alone"]}, 1)
    with pytest.raises(NotNow, match="another screen"):
        save(field, "people", {"household": ["partner"]}, 1)
    assert Response.objects.get().answers["household"] == "alone"


def test_the_same_page_sent_twice_leads_on(field):
    first = save(field, "now", STAYS, 0)
    second = save(field, "now", STAYS, 0)
    assert (second.next_page, second.response.revision) == (first.next_page, 1)
    assert kinds(field) == ["started"]


def test_the_last_page_sent_twice_is_complete_once(field):
    done = finish(field, last={"comment": ["words"]})
    again = save(field, "last", {"comment": ["words"]}, done.response.revision - 1)
    assert again.completed
    assert kinds(field) == ["started", "completed"]


def test_complete_answers_are_not_changed_any_more(field):
    done = finish(field)
    with pytest.raises(NotNow, match="complete"):
        save(field, "now", LEFT, done.response.revision)
    assert Response.objects.get().answers["where_live"] == "in_norway"


def test_an_unknown_page_is_refused(field):
    with pytest.raises(BadInput):
        save(field, "nowhere", {}, 0)
    with pytest.raises(BadInput):
        save(field, "leaving", {}, 0)  # nobody was asked there yet


@pytest.mark.parametrize(
    ("moment", "words"), [(OPENS - timedelta(seconds=1), "not opened"), (CLOSES, "closed")]
)
def test_outside_the_field_period_nothing_is_kept(field, moment, words):
    with pytest.raises(NotNow, match=words):
        save(field, "now", STAYS, 0, now=moment)
    assert not Response.objects.exists()


def test_who_left_or_is_held_is_not_asked(field):
    """LAW-06, LAW-10."""
    held = members.hold(by=SYSTEM, member=field.amal, kind="restriction", reason="asked", now=NOW)
    with pytest.raises(NotNow, match="paused"):
        save(field, "now", STAYS, 0)
    members.lift(by=SYSTEM, held=held, now=NOW)
    members.set_status(by=SYSTEM, member=field.amal, status=PanelMember.Status.LEFT, now=NOW)
    with pytest.raises(NotNow, match="left"):
        save(field, "now", STAYS, 0)


def test_nev_04_identity_numbers_are_masked_and_the_writer_is_told(field):
    saved = save(field, "now", STAYS, 0)
    while saved.next_page != "last":
        saved = save(field, saved.next_page, {}, saved.response.revision)
    # An invented number with both check digits in order.
    saved = save(field, "last", {"comment": ["my number is 01010012356"]}, saved.response.revision)
    kept = Response.objects.get().answers["comment"]
    assert saved.words.keys() == {"comment"}
    assert "01010012356" not in kept


def test_law_02_a_yes_to_approved_words_is_in_the_ledger_with_their_hash(field):
    finish(field, last={"interview": ["yes"]})
    entry = ConsentEntry.objects.filter(subject=field.amal.code).latest("id")
    assert (entry.purpose, entry.action, entry.language) == ("interview", "given", "uk")
    q = questionnaire(field.wave.instrument)
    texts = ConsentEntry.objects.filter(subject=field.amal.code, purpose="interview", action="imported")
    assert entry.text_sha256 == texts.get().text_sha256
    assert q.item("interview").labels["uk"]


def test_law_03_a_no_withdraws_that_purpose_alone(field):
    before = ConsentEntry.objects.count()
    finish(field, last={"interview": ["no"]})
    entries = ConsentEntry.objects.order_by("id")[before:]
    assert [(one.purpose, one.action) for one in entries] == [("interview", "withdrawn")]


def test_no_answer_to_a_consent_leaves_the_ledger_as_it_is(field):
    before = ConsentEntry.objects.count()
    finish(field)
    assert ConsentEntry.objects.count() == before


def test_where_next_leads_is_where_the_form_leads(field):
    q = questionnaire(field.wave.instrument)
    saved = save(field, "now", LEFT, 0)
    assert saved.next_page == next_page(q, "now", saved.response.answers)


@pytest.mark.django_db(transaction=True)
def test_of_two_devices_at_the_same_moment_one_is_kept():
    field = answering.in_field()

    def one(code):
        try:
            return save(field, "now", {"where_live": [code]}, 0).response.answers["where_live"]
        except NotNow:
            return None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        told = sorted(pool.map(one, ["in_norway", "away"]), key=str)
    kept = Response.objects.get()
    assert told.count(None) == 1
    assert kept.answers["where_live"] in told
    assert (kept.revision, kinds(field)) == (1, ["started"])
