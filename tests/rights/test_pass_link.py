"""Where there is no e-mail: a link passed on by telephone, answers keyed in. Off by default; nothing saved is shown."""

from dataclasses import asdict
from datetime import timedelta
from unittest.mock import patch

import pytest

from consent.models import ConsentEntry
from panel import clock
from panel.audit.models import AuditEvent
from panel.errors import BadInput, NotAllowed, NotNow
from panel.invitations.blocklist import blocked_words
from panel.invitations.models import Link
from panel.members import services as members
from panel.members.models import PanelMember, Study, StudyDecision
from panel.members.rules import Role
from panel.responses.models import Response
from panel.responses.services import save_page
from panel.rights import pass_link, phone_text
from panel.vault.rules import DAILY_QUOTA
from panel.waves.modes import Mode
from tests.factories import answering, cast
from tests.factories.answering import CLOSES, NOW, SYSTEM
from tests.portal.html import see, send

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def closed():
    """In the field, by e-mail only."""
    made = answering.in_field()
    members.assign_role(by=SYSTEM, user=cast.user(cast.VERA), study=made.study, role=Role.KEEPER, now=NOW)
    members.assign_role(by=SYSTEM, user=cast.user(cast.LIV), study=made.study, role=Role.LEADER, now=NOW)
    return made


@pytest.fixture
def field(closed):
    decide(closed.study)
    closed.amal = PanelMember.objects.select_related("study").get(pk=closed.amal.pk)
    return closed


@pytest.fixture
def now(monkeypatch):
    """The moment at which pages are looked at; moved by calling it."""

    def at(moment):
        monkeypatch.setattr(clock, "now", lambda: moment)

    at(NOW)
    return at


def decide(study):
    reason = "Some have no e-mail any more."
    setting = StudyDecision.Setting.PHONE_CHANNEL
    members.decide(by=cast.LIV, study=study, setting=setting, reason=reason, now=NOW)


def pass_on(field, now=NOW, by=cast.VERA):
    return pass_link.pass_on(by=by, member=field.amal, reason="No e-mail.", now=now)


def key(field, mode="assisted", now=NOW, by=cast.VERA):
    return pass_link.begin_keying(by=by, member=field.amal, mode=mode, reason="Asked me to.", now=now)


def path(url, settings):
    return url.removeprefix(settings.BASE_URL)


def begin(field, where="moved_on"):
    """Amal answers the first page by herself."""
    save_page(case=field.case(), page="now", raw={"where_live": [where]}, language="uk", revision=0, now=NOW)


def test_what_a_member_began_meanwhile_is_neither_shown_nor_changed_by_who_keys(field, client, now, settings):
    """The keeper's form was open already when the member began on their own."""
    address = path(key(field), settings)
    page = see(client, f"{address}?page=now")
    begin(field)
    before = Response.objects.values("answers", "mode", "revision").get()
    assert client.get(address).status_code == client.get(f"{address}?page=now").status_code == 404
    assert send(client, page, where_live="returned").status == 404
    with pytest.raises(NotNow):
        save_page(case=field.case(), page="now", raw={"where_live": ["returned"]}, language="uk", revision=1,
                  mode=Mode.ASSISTED, now=NOW)  # fmt: skip
    assert Response.objects.values("answers", "mode", "revision").get() == before


def test_off_unless_a_leader_decided_with_a_reason(closed):
    assert not closed.study.phone_channel
    for act in (pass_on, key):
        with pytest.raises(NotNow):
            act(closed)
    decide(closed.study)
    assert Study.objects.get(pk=closed.study.pk).phone_channel
    assert AuditEvent.objects.get(verb="setting.decided", actor="liv").detail["setting"] == "phone_channel"
    closed.amal = PanelMember.objects.get(pk=closed.amal.pk)
    assert pass_on(closed).url


def test_the_link_opens_the_ordinary_questionnaire_and_the_answers_are_the_member_s(
    field, client, now, settings
):
    address = path(pass_on(field).url, settings)
    page = see(client, f"{address}?page=now")
    page = send(client, page, where_live="returned")
    response = Response.objects.get()
    assert (response.case, response.mode) == (field.case(), "self")
    assert page.status == 200


def test_tok_02_it_ends_with_the_wave(field, client, now, settings):
    address = path(pass_on(field).url, settings)
    now(CLOSES + timedelta(days=15))
    assert client.get(address).status_code == 404


def test_a_new_one_voids_the_one_before_and_no_letter_s(field, client, now, settings):
    letter = f"/a/{field.token()}"
    first, second = (path(pass_on(field).url, settings) for _one in range(2))
    assert [client.get(one).status_code for one in (first, second, letter)] == [404, 200, 200]


@pytest.mark.parametrize("language", ["nb", "en", "uk", "ru"])
def test_mail_01_the_text_is_in_the_member_s_language_without_a_word_of_the_topic(field, language):
    members.set_language(by=SYSTEM, member=field.amal, language=language, now=NOW)
    passed = pass_on(field)
    assert passed.url in passed.text
    assert field.study.contact_email in passed.text
    assert not blocked_words(passed.text.replace(passed.url, ""))
    assert "Amal" not in passed.text
    texts = {phone_text.text_for(field.amal, "") for field.amal.language in ("nb", "en", "uk", "ru")}
    assert len(texts) == 4


def test_a_name_of_the_study_that_tells_is_refused(field):
    Study.objects.filter(pk=field.study.pk).update(public_name="Refugees now")
    field.amal = PanelMember.objects.select_related("study").get(pk=field.amal.pk)
    with pytest.raises(NotNow, match="refugees"):
        pass_on(field)
    assert not Link.objects.exists()


def test_tok_01_neither_the_audit_nor_a_repr_holds_the_link(field):
    passed = pass_on(field)
    (event,) = AuditEvent.objects.filter(verb="link.passed_on")
    assert (event.subject, event.actor, event.detail) == (field.amal.code, "vera", {"reason": "No e-mail."})
    token = passed.url.rpartition("/")[2]
    assert token not in repr(passed)
    assert passed.text not in repr(passed)
    assert set(asdict(passed)) == {"code", "language", "url", "text"}


def test_zon_05_fifty_a_day_of_both_together(field):
    for _number in range(DAILY_QUOTA - 1):
        pass_on(field)
    key(field)
    for act in (pass_on, key):
        with pytest.raises(NotNow):
            act(field)
    assert pass_on(field, now=NOW + timedelta(days=1)).url


# --- what is saved is not shown


@pytest.mark.parametrize("make", [pass_on, key])
def test_zon_04_no_page_behind_it_shows_what_was_saved(field, client, now, settings, make):
    made = make(field)
    address = path(getattr(made, "url", made), settings)
    page = send(client, see(client, f"{address}?page=now"), where_live="moved_on")
    assert page.find("//a[contains(@class, 'back')]/@href") == [address], "to the welcome only"
    for wanted in ("now", "-", "last"):
        again = see(client, f"{address}?page={wanted}")
        assert not again.find("//input[@name='where_live']"), wanted
        assert not again.find("//input[@checked]"), wanted


def test_zon_04_what_is_saved_can_not_be_guessed_by_sending_it_again(field, client, now, settings):
    """A second save of the same answers leads on, of others it is refused: that would tell which are saved."""
    begin(field, "moved_on")
    address = path(pass_on(field).url, settings)
    said = {
        client.post(f"{address}?page=now", {"where_live": guess, "revision": "0"}).headers.get("Location")
        for guess in ("moved_on", "returned", "in_norway")
    }
    assert said == {f"{address}?page=-"}


# --- keyed in


@pytest.mark.parametrize("mode", ["assisted", "paper"])
def test_the_response_carries_its_mode(field, client, now, settings, mode):
    page = see(client, f"{path(key(field, mode), settings)}?page=now")
    send(client, page, where_live="in_norway")
    assert Response.objects.get().mode == mode


def test_once_keyed_it_stays_so_when_the_member_goes_on(field, client, now, settings):
    send(client, see(client, f"{path(key(field), settings)}?page=now"), where_live="in_norway")
    send(client, see(client, f"/a/{field.token()}?page=-"))
    response = Response.objects.get()
    assert (response.mode, response.revision) == ("assisted", 2)


def test_zon_04_what_a_member_began_only_they_go_on_with(field):
    begin(field)
    with pytest.raises(NotNow):
        key(field)
    assert not Link.objects.exists()
    assert pass_on(field).url, "the link can be passed on to them"


def test_what_was_keyed_can_be_gone_on_with_by_a_new_form(field, client, now, settings):
    send(client, see(client, f"{path(key(field), settings)}?page=now"), where_live="in_norway")
    assert see(client, f"{path(key(field), settings)}?page=-").status == 200


def test_a_form_to_key_in_is_open_for_two_hours(field, client, now, settings):
    address = path(key(field), settings)
    now(NOW + 2 * HOUR - timedelta(seconds=1))
    assert client.get(address).status_code == 200
    now(NOW + 2 * HOUR)
    assert client.get(address).status_code == 404


def test_law_02_a_consent_keyed_in_says_how_it_was_told(field, client, now, settings):
    page = see(client, f"{path(key(field), settings)}?page=now")
    while page.find("//form//button[@class='button']") and "page=" in page.action():
        page = send(client, page, **({"where_live": "in_norway"} if "page=now" in page.action() else {}))
        if Response.objects.filter(completed_at__isnull=False).exists():
            break
    assert Response.objects.get().completed_at
    assert not ConsentEntry.objects.filter(channel="portal").exists()


@pytest.mark.parametrize("mode", ["self", "", "telegraph"])
def test_a_mode_is_one_of_the_two(field, mode):
    with pytest.raises(BadInput):
        key(field, mode)


@pytest.mark.parametrize("act", [pass_on, key])
def test_nothing_to_answer_no_link(field, act):
    members.hold(by=SYSTEM, member=field.amal, kind="restriction", reason="Asked.", now=NOW)
    with pytest.raises(NotNow):
        act(field)


@pytest.mark.parametrize("act", [pass_on, key])
@pytest.mark.parametrize("actor", [cast.SIGNE, cast.LIV, cast.INES, cast.DAG, cast.TOR])
def test_only_a_contact_keeper_may(field, act, actor):
    with pytest.raises(NotAllowed):
        act(field, by=actor)


@pytest.mark.parametrize("act", [pass_on, key])
def test_a_broken_last_write_keeps_nothing(field, act):
    pass_on(field)
    before = list(Link.objects.values_list("hash")), AuditEvent.objects.count()
    last_write = patch.object(pass_link.passing.Link.objects, "create", side_effect=RuntimeError)
    with last_write, pytest.raises(RuntimeError):
        act(field)
    assert (list(Link.objects.values_list("hash")), AuditEvent.objects.count()) == before
