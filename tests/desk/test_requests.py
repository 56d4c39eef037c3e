"""Requests on rights and what lies outside, at the desk: who acts, what is shown (LAW-06, LAW-10, LAW-11, LAW-14)."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from panel import clock
from panel.enrolment import intake
from panel.invitations.models import Outgoing
from panel.members.models import LegalBasis, PanelMember, Study
from panel.rights import request_rules as rules
from panel.rights import requests, selectors
from panel.rights.models import OutsideItem, Request, RequestNote, Stop
from tests.desk.conftest import NOW
from tests.factories import cast

pytestmark = pytest.mark.django_db

TODAY = NOW.date()
LIST = "rights_request_changelist"


def url(name, *args):
    return reverse(f"desk:{name}", args=args)


def step(one, slug):
    table = "rights_request" if isinstance(one, Request) else "rights_outsideitem"
    return url(f"{table}_step", one.pk, slug)


def receive(field, kind, number=5, **changes):
    given = {"by": cast.VERA, "channel": "phone", "now": NOW, **changes}
    return requests.receive(member=field.members[number], kind=kind, **given)


def post(client, address, /, **given):
    return client.post(address, given, follow=True)


def given_request(field, **changes):
    return {
        "study": field.study.pk, "code": field.members[5].code.lower(), "kind": "access", "channel": "letter",
        "received_on": (TODAY - timedelta(days=2)).isoformat(), "asked": "Everything.", **changes,
    }  # fmt: skip


@pytest.mark.parametrize("who", [cast.LIV, cast.SIGNE, cast.VERA])
def test_a_request_is_recorded_with_its_deadline_and_a_receipt(field, at_desk, who):
    done = post(at_desk(who), url("request"), **given_request(field))
    made = Request.objects.get(kind="access")
    assert made.due_on == TODAY + timedelta(days=28)
    assert f"{made.due_on:%d.%m.%Y}" in done.text
    assert Outgoing.objects.filter(occasion=made.pk, kind="receipt").exists()
    assert ("History" in done.text) == (who == cast.LIV)  # the others don't see the section


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"kind": ""}, 400),
        ({"channel": "own_page"}, 400),
        ({"received_on": (TODAY + timedelta(days=1)).isoformat()}, 400),
        ({"code": "ZZZZZZZZZ"}, 404),
    ],
)
def test_a_request_that_is_not_clear_is_refused(field, at_desk, wrong, status):
    before = Request.objects.count()
    answer = at_desk(cast.VERA).post(url("request"), given_request(field, **wrong))
    assert (answer.status_code, Request.objects.count()) == (status, before)


def test_a_request_is_answered_by_the_leader_and_its_page_tells_the_history(field, at_desk):
    one, liv = receive(field, "question"), at_desk(cast.LIV)
    page = liv.get(url("rights_request_change", one.pk)).text
    assert "Answer it in the member’s language." in page
    assert 'href="' + step(one, "answer") in page
    language = one.member.language
    assert "language: Ukrainian" in liv.get(step(one, "answer")).text
    page = post(liv, step(one, "answer"), text="Ось відповідь.", done="Looked it up.").text
    assert all(words in page for words in ("Answered", "Looked it up.", "liv"))
    assert selectors.messages_for(one.member).get().text(language) == "Ось відповідь."
    assert liv.post(step(one, "answer"), {"text": "Ще.", "done": "Twice."}).status_code == 409
    assert "closed" in post(liv, step(one, "close"), reason="Settled.").text


def test_zon_04_the_dpo_reads_all_of_it_and_has_one_button(field, at_desk):
    dag, one = at_desk(cast.DAG), field.request
    page = dag.get(url("rights_request_change", one.pk)).text
    assert "asks who has the files" in page
    buttons = [s for s in page.split('"') if s.startswith(url("rights_request_change", one.pk)) and "/" in s]
    assert set(buttons) == {step(one, "advise")}
    assert (
        "Begin with the linked file."
        in post(dag, step(one, "advise"), reason="Begin with the linked file.").text
    )
    assert "Begin with the linked file." in at_desk(cast.LIV).get(url("rights_request_change", one.pk)).text


def test_law_06_law_14_a_stop_from_its_request_lists_the_files_and_what_cannot_be_recalled(field, at_desk):
    one, liv = field.request, at_desk(cast.LIV)
    told = (TODAY - timedelta(days=1)).isoformat()
    page = post(liv, step(one, "stop"), rung="leave_delete", told_on=told).text
    stop = Stop.objects.get(code=one.code)
    assert (stop.channel, stop.told_on.isoformat(), stop.rung) == ("told staff", told, "leave_delete")
    assert "1 file or other thing outside holds their data" in page
    assert "can’t be recalled" in page
    assert "Panel 2022–2023" in page
    start = liv.get(url("index")).text
    assert "person to take out of files" in start
    member = liv.get(url("members_panelmember_change", one.member_id)).text
    assert "Panel 2022–2023" in member
    assert "told on" in member
    answer = liv.get(step(one, "answer")).text
    assert 'name="text"' not in answer  # all contact stopped


def test_law_06_law_13_staff_record_what_the_member_asked_for_besides_the_rung(field, at_desk):
    """The wait waived, the address never contacted again; neither is ticked beforehand."""
    one, liv = field.request, at_desk(cast.LIV)
    form = liv.get(step(one, "stop")).text
    assert " checked" not in form.partition("<form")[2].partition("</form>")[0]
    given = {"rung": "leave_delete", "told_on": TODAY.isoformat(), "waive": "on", "never_again": "on"}
    post(liv, step(one, "stop"), **given)
    stop = Stop.objects.get(code=one.code)
    assert (stop.due_at, stop.never_again) == (NOW, True)


def test_law_08_law_11_a_copy_is_made_for_access_and_with_consent_to_take_along(field, at_desk):
    liv = at_desk(cast.LIV)
    for number, kind in enumerate(("access", "portability"), start=2):
        one = receive(field, kind, number)
        page = post(liv, step(one, "make-copy")).text
        assert "The copy is being made." in page
        assert "Copy asked for" in page
        assert Outgoing.objects.filter(member=one.member, kind="copy_ready").exists()
        assert liv.post(step(one, "make-copy")).status_code == 409  # one a day
    Study.objects.filter(pk=field.study.pk).update(legal_basis=LegalBasis.PUBLIC_INTEREST)
    assert liv.post(step(receive(field, "portability", 4), "make-copy")).status_code == 409


def test_a_copy_is_offered_until_the_request_is_answered(field, at_desk):
    liv, one = at_desk(cast.LIV), receive(field, "access", 2)
    page = url("rights_request_change", one.pk)
    assert f'href="{step(one, "make-copy")}"' in liv.get(page).text
    post(liv, step(one, "answer"), text="Тут.", done="Made it by hand.")
    assert f'href="{step(one, "make-copy")}"' not in liv.get(page).text


def test_where_there_is_no_request_the_list_says_how_one_comes(field, at_desk):
    Request.objects.all().delete()
    page = at_desk(cast.LIV).get(url(LIST)).text
    assert "Staff record one when a member writes or calls." in page


def test_law_06_no_reminders_from_a_request_is_about_the_wave_that_is_open(field, at_desk):
    one = field.request
    post(at_desk(cast.LIV), step(one, "stop"), rung="no_reminders", told_on=TODAY.isoformat())
    assert Stop.objects.get(code=one.code).case == field.case(6)


def test_a_correction_reaches_the_contact_keeper_by_code_alone_and_the_request_says_what_was_done(
    field, at_desk
):
    """ZON-04: what the member wrote is not shown to who opens cards."""
    intake.ensure(today=TODAY)
    one, vera = receive(field, "rectification", asked="They moved to Poland."), at_desk(cast.VERA)
    page = vera.get(url("address")).text
    assert "Corrections asked for" in page
    assert one.code in page
    assert "Poland" not in page
    given = {"study": field.study.pk, "code": one.code, "address": "new@example.net", "reason": "By phone."}
    assert "asks the new address" in post(vera, url("address"), **given).text
    page = at_desk(cast.LIV).get(url("rights_request_change", one.pk)).text
    assert "New address taken in, to be confirmed there" in page
    assert "new@example.net" not in page


def test_law_14_who_left_is_ticked_off_with_a_day(field, at_desk):
    liv, item, member = at_desk(cast.LIV), field.outside, field.members[5]
    given = {"study": field.study.pk, "code": member.code, "rung": "leave_keep", "told_on": TODAY.isoformat()}
    assert "1 file or other thing outside" in post(at_desk(cast.VERA), url("stop"), **given).text
    page = liv.get(url("rights_outsideitem_change", item.pk)).text
    assert "Remove 1 person from it" in page
    form = liv.get(step(item, "taken-out")).text
    assert member.code in form
    assert "checked" not in form.partition("<form")[2].partition("</form>")[0]
    assert liv.post(step(item, "taken-out"), {"codes": [field.members[0].code]}).status_code == 400
    page = post(liv, step(item, "taken-out"), codes=[member.code]).text
    assert "1 person is ticked off." in page
    assert "Remove 1 person" not in page
    assert item.holdings.get(code=member.code).removed_by == "liv"


def test_something_outside_is_registered_and_marked_as_gone(field, at_desk):
    signe = at_desk(cast.SIGNE)
    codes = "\n".join(one.code.lower() for one in field.members[:2])
    given = {
        "study": field.study.pk, "kind": "recording", "what": "Interviews, autumn", "where": "Locked drawer",
        "holder": "Ines", "made_on": TODAY.isoformat(), "codes": codes,
    }  # fmt: skip
    assert "Registered." in post(signe, url("rights_outsideitem_register"), **given).text
    item = OutsideItem.objects.get(kind="recording")
    assert item.holdings.count() == 2
    wrong = signe.post(url("rights_outsideitem_register"), {**given, "codes": "ZZZZZZZZZ"})
    assert (wrong.status_code, "ZZZZZZZZZ" in wrong.text) == (400, True)
    assert "stays in the register" in post(signe, step(item, "gone"), gone_on=TODAY.isoformat()).text
    assert signe.post(step(item, "gone"), {"gone_on": TODAY.isoformat()}).status_code == 409


@pytest.mark.parametrize("table", ["member", "request"])
def test_law_10_a_restriction_is_set_seen_and_lifted(field, at_desk, table):
    liv, one = at_desk(cast.LIV), receive(field, "restriction")
    where = ("rights_request", one.pk) if table == "request" else ("members_panelmember", one.member_id)
    restrict, lift = (url(f"{where[0]}_step", where[1], slug) for slug in ("restrict", "lift"))
    assert liv.post(lift).status_code == 409
    page = post(liv, restrict, reason="Contests a fact.").text
    assert "estrict" in page
    assert one.member.holds.get(kind="restriction").reason == "Contests a fact."
    assert lift in page
    assert liv.post(restrict, {"reason": "Twice."}).status_code == 409
    assert restrict in post(liv, lift).text
    assert one.member.holds.get(kind="restriction").lifted_at is not None


def test_law_11_the_basis_decides_which_buttons_there_are(field, at_desk):
    liv = at_desk(cast.LIV)
    objection, copy = receive(field, "objection"), receive(field, "portability")
    with_consent = liv.get(url("rights_request_change", objection.pk)).text
    assert "withdrawing is the way" in with_consent
    assert step(objection, "object") not in with_consent
    assert step(objection, "stop") in with_consent
    Study.objects.filter(pk=field.study.pk).update(legal_basis=LegalBasis.PUBLIC_INTEREST)
    with_interest = liv.get(url("rights_request_change", objection.pk)).text
    assert step(objection, "object") in with_interest
    assert step(objection, "stop") not in with_interest
    assert "portability doesn’t apply" in liv.get(url("rights_request_change", copy.pk)).text


def test_law_11_an_objection_is_recorded_with_nothing_ticked_beforehand(field, at_desk):
    Study.objects.filter(pk=field.study.pk).update(legal_basis=LegalBasis.PUBLIC_INTEREST)
    liv, one = at_desk(cast.LIV), receive(field, "objection")
    form = liv.get(step(one, "object")).text
    assert "checked" not in form.partition("<form")[2].partition("</form>")[0]
    told = {"told_on": TODAY.isoformat()}
    assert liv.post(step(one, "object"), told).status_code == 400
    page = post(liv, step(one, "object"), purposes=["waves"], freeze="Not to be used.", **told).text
    assert "What it concerns has stopped." in page
    assert "Objection recorded" in page
    assert one.member.holds.get(kind="restriction").reason == "Not to be used."


def test_an_extension_is_told_and_the_list_shows_it(field, at_desk):
    liv, one = at_desk(cast.LIV), receive(field, "complaint")
    assert "language:" in liv.get(step(one, "extend")).text
    assert "Extended by 60 days." in post(liv, step(one, "extend"), reason="Ми ще шукаємо.").text
    one.refresh_from_db()
    assert one.due_on == rules.extended_due_on(TODAY)
    assert selectors.messages_for(one.member).exists()


@pytest.mark.parametrize(
    ("days", "due", "others"), [(0, "later", "soon"), (25, "soon", "overdue"), (31, "overdue", "later")]
)
def test_deadlines_are_on_the_start_page_in_the_list_and_a_badge(
    field, at_desk, monkeypatch, days, due, others
):
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(days=days))
    code = field.request.code
    for who in (cast.LIV, cast.DAG):
        client = at_desk(who)
        start = client.get(url("index")).text
        assert ("request overdue" in start) == (due == "overdue")
        assert ("desk-alarm" in start) == (due == "overdue")
        assert code in client.get(url(LIST), {"due": due}).text
        assert code in client.get(url(LIST), {"due": "open"}).text
        assert code not in client.get(url(LIST), {"due": others}).text
    page = client.get(url("rights_request_change", field.request.pk)).text
    assert ("The time to answer ended" in page) == (due == "overdue")


def test_an_empty_list_says_where_requests_come_from(field, at_desk):
    assert "Nothing here fits" in at_desk(cast.DAG).get(url(LIST), {"due": "overdue"}).text
    RequestNote.objects.all().delete()
    Request.objects.all().delete()
    assert "No request here. Staff record one" in at_desk(cast.DAG).get(url(LIST)).text


@pytest.mark.parametrize("table", ["rights_request", "rights_outsideitem"])
def test_a_list_asks_as_often_for_many_rows_as_for_one(field, at_desk, table):
    liv, address = at_desk(cast.LIV), url(f"{table}_changelist")
    liv.get(address)
    with CaptureQueriesContext(connection) as few:
        liv.get(address)
    for kind in ("question", "access", "complaint"):
        receive(field, kind)
    for number in range(3):
        OutsideItem.objects.create(
            study=field.study, kind="paper", what=f"Box {number}", where="Cellar", holder="Ines",
            made_on=TODAY, registered_by="liv",
        )  # fmt: skip
    with CaptureQueriesContext(connection) as many:
        liv.get(address)
    assert len(many) == len(few)


def test_all_of_it_speaks_norwegian(field, at_desk):
    liv = at_desk(cast.LIV)
    for address, words in {
        url(LIST): "Henvendelser om rettigheter",
        url("request"): "Registrer en henvendelse",
        url("rights_outsideitem_changelist"): "Utenfor denne tjenesten",
        url("rights_request_change", field.request.pk): "Historikk",
        url("members_panelmember_change", field.members[7].pk): "Pause til en dato",
    }.items():
        assert words in liv.get(address, headers={"accept-language": "nb"}).text, address


def test_law_06_no_reminders_can_be_recorded_for_the_wave_that_is_open(field, at_desk):
    member = field.members[5]
    given = {
        "study": field.study.pk,
        "code": member.code,
        "rung": "no_reminders",
        "told_on": TODAY.isoformat(),
    }
    assert "The member gets a receipt." in post(at_desk(cast.SIGNE), url("stop"), **given).text
    assert Stop.objects.get(code=member.code).case == field.case(5)


def test_who_is_deleted_leaves_a_request_that_can_be_read_and_closed(field, at_desk):
    liv, one = at_desk(cast.LIV), field.request
    PanelMember.objects.get(pk=one.member_id).requests.update(member=None)
    page = liv.get(url("rights_request_change", one.pk)).text
    assert "their data are deleted" in page
    assert step(one, "stop") not in page
    assert "Answered." in post(liv, step(one, "answer"), done="Nothing is left.").text
