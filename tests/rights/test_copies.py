"""LAW-08: a copy of everything held, complete by construction, readable by the mailbox alone, gone after a week."""

import json
import re
from datetime import timedelta

import pytest
from django.db import models

from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.enrolment import intake
from panel.errors import Damaged, NotAllowed, NotNow
from panel.invitations import links
from panel.invitations.models import Link, Outgoing
from panel.members import services as members
from panel.members.models import PanelMember
from panel.residency.services import take_evidence
from panel.responses.models import Response
from panel.responses.services import save_page
from panel.rights import addresses, copies, erasure, holdings, services, zones
from panel.rights.models import Copy, CopyRequest
from panel.vault import services as vault
from tests.factories import cast, fielding
from tests.factories.answering import NOW, SYSTEM

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
TABLES = zones.ours()


def ask(member, now=NOW, by=None):
    return copies.ask_copy(by=by or Actor.member(member.code), member=member, now=now)


def letter(request, now=NOW):
    """The link of the letter as the sender mints it, and its token."""
    new = links.NewLink(Link.Use.COPY, request.member, None, request.pk)
    (token,) = links.mint_many([new], today=now.date())
    link = links.resolve(token=token, use=Link.Use.COPY, now=now)
    assert link is not None
    return link, token


def fetch(link, token, now=NOW):
    return copies.fetch_copy(by=Actor.member(link.member.code), link=link, token=token, now=now)


@pytest.fixture
def amal(field):
    """With answers of every page, evidence and a stop that was taken back."""
    page: str | None = "now"
    revision = 0
    while page:
        raw = {"where_live": ["moved_on"], "left_month-year": ["2023"], "left_month-month": ["2"]}
        saved = save_page(
            case=field.case(), page=page, raw=raw if page == "now" else {"comment": ["Ïnchen"]},
            language="uk", revision=revision, now=NOW,
        )  # fmt: skip
        page, revision = saved.next_page, saved.response.revision
    take_evidence(response=saved.response, now=NOW)
    by = Actor.member(field.amal.code)
    stop = services.ask_stop(by=by, member=field.amal, rung="no_mail", channel="stop page", now=NOW)
    services.undo_stop(by=by, stop=stop, now=NOW)
    return field.amal


@pytest.fixture
def copy(amal):
    request = ask(amal).request
    link, token = letter(request)
    assert copies.make_copies(now=NOW) == 1
    return fetch(link, token)


# --- complete


@pytest.mark.parametrize("model", TABLES, ids=lambda one: one._meta.label)
def test_law_08_each_table_leads_to_the_member_or_is_exempt_with_a_reason(model):
    """A new table with a link to a member is in the copy by itself; any other has to be thought about."""
    label = model._meta.label
    ways = [label in holdings.EXEMPT, label in holdings.BY_CODE, holdings.way_to_member(model) is not None]
    if label in holdings.EXEMPT:
        assert len(holdings.EXEMPT[label].split()) > 2, "an exemption has a reason"
        assert not ways[1]
    else:
        assert sum(ways) == 1, f"{label}: name it in holdings.BY_CODE or, with a reason, in holdings.EXEMPT"


def test_law_08_no_table_with_a_way_to_the_member_is_exempt_but_the_copies_themselves():
    led = {one._meta.label for one in TABLES if holdings.way_to_member(one) is not None}
    assert led & set(holdings.EXEMPT) == {"rights.Copy"}


def test_law_08_no_exemption_and_no_way_outlives_its_table():
    labels = {one._meta.label for one in TABLES}
    assert set(holdings.EXEMPT) | set(holdings.BY_CODE) | set(holdings.LEFT_OUT) <= labels


@pytest.mark.parametrize("model", TABLES, ids=lambda one: one._meta.label)
def test_law_01_law_08_each_field_is_in_the_copy_or_left_out_with_a_reason(model):
    label = model._meta.label
    if label in holdings.EXEMPT:
        return
    left_out = holdings.LEFT_OUT.get(label, {})
    assert set(holdings.fields(model)) | set(left_out) == set(model.Privacy.classes)
    assert all(left_out.values())
    for field in model._meta.concrete_fields:
        if isinstance(field, models.BinaryField):
            assert field.name in left_out, "bytes can't be read: open them or say why not"


def test_law_08_every_row_of_the_member_and_none_of_anybody_else(field, amal, copy):
    found = copy["records"]
    assert {"members.PanelMember", "waves.Case", "responses.Response", "residency.Evidence", "residency.Flag",
            "rights.Stop", "consent.ConsentEntry", "audit.AuditEvent", "journal.JournalEntry", "rights.CopyRequest",
            "invitations.Link"} <= set(found)  # fmt: skip
    for label, table in found.items():
        model = next(one for one in TABLES if one._meta.label == label)
        assert table["purpose"] == model.Privacy.purpose
        assert all(set(row) == set(holdings.fields(model)) for row in table["rows"])
    text = json.dumps(copy)
    for name in (field.other.code, str(field.other.pk), "nb@example.org"):
        assert name not in text


def test_law_08_says_what_a_person_wants_to_read(amal, copy):
    """Contact data, consents with their words, questions and answers in their language, and what GDPR 15 asks."""
    assert copy["contact"] == {
        "first_name": "Amal", "last_name": "Example", "email": "uk@example.org", "phone": "",
    }  # fmt: skip
    assert {one["purpose"] for one in copy["consents"]} >= {"waves", "interview"}
    assert all(one["words"] for one in copy["consents"] if one["action"] != "withdrawn")
    (survey,) = copy["surveys"]
    lives = next(one for one in survey["answers"] if one["name"] == "where_live")
    assert lives["question"] != "where_live"
    assert re.search("[а-яії]", lives["question"] + lives["answer"])
    assert lives["answer"] != "moved_on"
    about = copy["about"]
    assert (about["responsible"], about["legal_basis"]) == ("Example University", "consent")
    assert about["kept_until"] == "2030-12-31"
    assert about["recipients"]
    assert len(survey["answers"]) == len(Response.objects.get().answers)


def test_law_08_the_first_questionnaire_is_in_it_with_its_labels():
    study = cast.study()
    member = cast.amal(study)
    PanelMember.objects.filter(pk=member.pk).update(language="nb")
    link, token = letter(ask(member).request)
    copies.make_copies(now=NOW)
    made = fetch(link, token)
    told = {one["name"]: (one["question"], one["answer"]) for one in made["first_questionnaire"]}
    assert told["gender"] == ("Kjønn", "kvinne")
    assert made["records"]["enrolment.RecruitmentRecord"]["rows"][0]["answers"]["gender"] == "woman"


# --- for the mailbox alone


def test_cry_nothing_readable_lies_anywhere(amal):
    """Somebody with all of `default` and the service key opens nothing: the token is only in the mail."""
    link, token = letter(ask(amal).request)
    copies.make_copies(now=NOW)
    sealed = bytes(Copy.objects.get().sealed)
    assert b"Amal" not in sealed
    assert b"moved_on" not in sealed
    assert token.encode() not in b"".join(
        bytes(one.hash) + bytes(one.public or b"") for one in Link.objects.all()
    )
    with pytest.raises(Damaged):
        fetch(link, token[:-1] + ("A" if token[-1] != "A" else "B"))


def test_a_copy_opens_by_its_own_link_only(field, amal):
    """A row swapped for another member's opens neither."""
    one, token = letter(ask(amal).request)
    other, others = letter(ask(field.other).request)
    copies.make_copies(now=NOW)
    mine = Copy.objects.get(link=one)
    Copy.objects.filter(link=other).update(sealed=bytes(mine.sealed))
    for wrong in (token, others):
        with pytest.raises(Damaged):
            fetch(other, wrong)


def test_small_copies_are_equally_long(field, amal):
    for member in (amal, field.other):
        letter(ask(member).request)
    assert copies.make_copies(now=NOW) == 2
    assert len({len(bytes(one.sealed)) for one in Copy.objects.all()}) == 1


def test_each_step_is_noted_and_the_card_s_opening_too(amal, copy):
    verbs = list(
        AuditEvent.objects.filter(verb__startswith="copy.").order_by("id").values_list("verb", flat=True)
    )
    assert verbs == ["copy.asked", "copy.made", "copy.fetched"]
    opened = AuditEvent.objects.get(verb=vault.OPEN_CHUNK)
    assert opened.detail["codes"] == [amal.code]
    assert "Amal" not in json.dumps([one.detail for one in AuditEvent.objects.all()])


# --- asked for


def test_the_portal_asks_without_keys_and_cards(amal, settings, tmp_path):
    """ZON-01: asking touches neither the vault nor the KEK."""
    settings.KEK_FILE = str(tmp_path / "none.json")
    request = ask(amal).request
    assert Outgoing.objects.get(occasion=request.pk).kind == "copy_ready"
    assert not Copy.objects.exists()


def test_nobody_asks_for_somebody_else(field, amal):
    with pytest.raises(NotAllowed):
        ask(amal, by=Actor.member(field.other.code))
    with pytest.raises(NotAllowed):
        ask(amal, by=cast.TOR)


def test_one_a_day_and_four_a_month(amal):
    ask(amal)
    with pytest.raises(NotNow, match="24 hours"):
        ask(amal, NOW + timedelta(hours=23))
    for day in (1, 2, 3):
        ask(amal, NOW + day * DAY + timedelta(minutes=1))
    with pytest.raises(NotNow, match="this month"):
        ask(amal, NOW + 5 * DAY)
    assert ask(amal, NOW + 31 * DAY)


def test_a_restriction_does_not_stand_in_its_way(amal):
    """LAW-10 freezes what we do with the data, not what the member may see."""
    members.hold(by=SYSTEM, member=amal, kind="restriction", reason="asked", now=NOW)
    assert ask(amal).request


def test_who_has_everything_deleted_gets_none(amal):
    by = Actor.member(amal.code)
    services.ask_stop(
        by=by, member=amal, rung="leave_delete", channel="stop page", typed_word="DELETE", now=NOW
    )
    with pytest.raises(NotNow):
        ask(amal)


def test_who_left_and_has_no_address_any_more_gets_the_link_on_the_page(amal):
    by = Actor.member(amal.code)
    services.ask_stop(by=by, member=amal, rung="leave_keep", channel="stop page", now=NOW)
    then = NOW + timedelta(days=15)
    erasure.erase_due(now=then)
    asked = ask(amal, then)
    assert not Outgoing.objects.filter(kind="copy_ready").exists()
    copies.make_copies(now=then)
    link = links.resolve(token=asked.token, use=Link.Use.COPY, now=then)
    made = fetch(link, asked.token, then)
    assert made["contact"] == {}
    assert made["surveys"]


def test_if_the_last_write_of_asking_fails_nothing_is_kept(amal, monkeypatch):
    def broken(**_given):
        raise RuntimeError

    monkeypatch.setattr(copies.audit, "record", broken)
    with pytest.raises(RuntimeError):
        ask(amal)
    assert not CopyRequest.objects.exists()
    assert not Outgoing.objects.filter(kind="copy_ready").exists()


def test_if_the_last_write_of_making_fails_nothing_is_kept_and_the_next_beat_tries_again(amal, monkeypatch):
    link, token = letter(ask(amal).request)
    with monkeypatch.context() as patch:
        patch.setattr(copies, "_note", lambda *_given: (_ for _ in ()).throw(NotNow("not now")))
        assert copies.make_copies(now=NOW) == 0
    assert not Copy.objects.exists()
    assert copies.make_copies(now=NOW) == 1
    assert fetch(link, token)["contact"]["first_name"] == "Amal"


def test_two_workers_make_one_copy(amal):
    """Both saw the link without a copy; the second one finds it made."""
    link, _token = letter(ask(amal).request)
    assert [copies._make(link, NOW) for _worker in range(2)] == [1, 0]
    assert AuditEvent.objects.filter(verb="copy.made").count() == 1


def test_a_damaged_card_holds_up_no_other_copy(field, amal, caplog):
    for member in (amal, field.other):
        letter(ask(member).request)
    card = vault.Card.objects.get(locator=vault.Index.load().card_locator(amal.code))
    vault.Card.objects.filter(pk=card.pk).update(email=bytes(card.first_name))
    assert copies.make_copies(now=NOW) == 1
    assert amal.code in caplog.text


# --- gone


def test_a_copy_goes_with_its_link_after_a_week(amal):
    link, token = letter(ask(amal).request)
    copies.make_copies(now=NOW)
    week = NOW + 7 * DAY
    links.drop_ended(now=week)
    assert fetch(link, token, week)
    links.drop_ended(now=week + DAY)
    assert not Copy.objects.exists()
    assert links.resolve(token=token, use=Link.Use.COPY, now=week + DAY) is None


def test_each_letter_of_a_request_has_a_copy_of_its_own(amal):
    """A letter that the mail server put off is written anew, with a new link; the first one's is lost."""
    request = ask(amal).request
    letter(request)
    copies.make_copies(now=NOW)
    again, token = letter(request)
    copies.make_copies(now=NOW)
    assert fetch(again, token)["contact"]["email"] == "uk@example.org"


def test_from_the_request_to_the_mail_and_back(mail_catcher, settings):
    """The letter's own link opens what the worker made."""
    study = fielding.with_letters(fielding.study())
    (member,) = fielding.people(study)
    ask(member, fielding.NOON)
    assert fielding.send_all() == 1
    (mail,) = mail_catcher.letters()
    (token,) = re.findall(rf"{settings.BASE_URL}/d/(\S+)", mail.get_body(("plain",)).get_content())
    copies.make_copies(now=fielding.NOON)
    link = links.resolve(token=token, use=Link.Use.COPY, now=fielding.NOON)
    assert fetch(link, token, fielding.NOON)["contact"]["email"] == "m0@example.org"


def test_an_address_that_was_only_just_given_gets_no_copy(field):
    """Who holds a forwarded letter asks for a change and a copy: the old address has days to be read (LAW-09)."""
    amal, by = field.amal, Actor.member(field.amal.code)
    intake.ensure(today=NOW.date())
    change = addresses.ask_change(by=by, member=amal, address="stranger@example.net", now=NOW)
    with pytest.raises(NotNow, match="three days"):
        ask(amal)
    Outgoing.objects.update(state="sent", sent_at=NOW)
    addresses.confirm_change(by=by, change=change, now=NOW)
    assert addresses.apply_confirmed(now=NOW + DAY) == 1
    with pytest.raises(NotNow, match="three days"):
        ask(amal, NOW + 4 * DAY - timedelta(minutes=1))
    assert ask(amal, NOW + 4 * DAY).request


def test_a_change_that_was_stopped_keeps_nobody_from_a_copy(field):
    amal, by = field.amal, Actor.member(field.amal.code)
    intake.ensure(today=NOW.date())
    change = addresses.ask_change(by=by, member=amal, address="stranger@example.net", now=NOW)
    addresses.cancel_change(by=by, change=change, now=NOW)
    assert ask(amal).request
