"""A recruitment file goes in; members, cards, consent and wave-0 answers come out, or nothing at all."""

from collections import Counter
from datetime import timedelta

import pytest
from django.apps import apps

from consent import selectors as consent
from consent import services as consent_forms
from consent.models import ConsentEntry
from consent.rules import text_hash
from panel.audit import services as audit
from panel.audit.models import AuditEvent
from panel.audit.rules import Actor
from panel.enrolment import services, tasks
from panel.enrolment.models import EnrolmentRun, RecruitmentRecord, StagedFile
from panel.errors import BadInput, NotAllowed, NotFound, NotNow
from panel.keys.macs import Index
from panel.keys.models import DataKey, WrappedRoot
from panel.members import services as members
from panel.members.models import Cohort, PanelMember, Study
from panel.vault import services as vault
from panel.vault.models import Card
from tests.factories import cast
from tests.factories.cast import INES, LIV, NOW, RAVN, SIGNE, SYSTEM, TOR, VERA, data
from tests.factories.recruits import SURVEY, csv_of, row, xlsx_of

pytestmark = pytest.mark.django_db
KEY = data("survey_2022.key.json")


@pytest.fixture
def study() -> Study:
    return cast.study()


def enrol(study: Study, content: bytes = SURVEY, *, by: Actor = VERA, dry_run: bool = False):
    return services.enrol(by=by, study=study, data=content, suffix=".csv", now=NOW, dry_run=dry_run)


def everything() -> dict[str, int]:
    """How many rows each table of ours has."""
    ours = [model for model in apps.get_models() if model.__module__.startswith(("panel.", "consent."))]
    return {model._meta.label: model._default_manager.count() for model in ours}


def card(member: PanelMember):
    return vault.open_cards([member.code], by=SYSTEM, reason="test", now=NOW, study="")[member.code]


def test_no_04_a_study_whose_end_is_ordered_while_its_file_is_read_takes_in_nobody(study, monkeypatch):
    judged = services._judged

    def ended_meanwhile(*args):
        Study.objects.filter(pk=study.pk).update(ended_at=NOW)
        return judged(*args)

    monkeypatch.setattr(services, "_judged", ended_meanwhile)
    with pytest.raises(NotNow, match="has ended"):
        enrol(study)
    assert not study.members.exists()
    assert not Card.objects.exists()


# --- the example's file


def test_the_example_file_comes_out_as_its_key_says(study):
    result = enrol(study)
    json = result.as_json()
    assert json.keys() == {"study", "dry_run", "rows", "wave0_answers", "outcome", "left_out"}
    assert (json["study"], json["dry_run"]) == ("exitnorway", False)
    assert {name: json[name] for name in ("rows", "wave0_answers", "outcome")} == {
        name: KEY[name] for name in ("rows", "wave0_answers", "outcome")
    }
    assert len(json["left_out"]) == KEY["rows"] - KEY["outcome"]["enrolled"]
    assert result.sharing == KEY["members_sharing_an_address_with_an_earlier_one"]
    assert PanelMember.objects.count() == Card.objects.count() == DataKey.objects.count() == 458
    assert RecruitmentRecord.objects.count() == 651
    assert RecruitmentRecord.objects.exclude(member=None).count() == 458
    run = EnrolmentRun.objects.get()
    assert (run.rows, run.wave0_answers, run.outcome, run.by) == (676, 651, KEY["outcome"], "vera")
    cohort = Cohort.objects.get()
    assert (cohort.name, cohort.is_open, cohort.answered, cohort.joined) == ("2022", True, 651, 458)


def test_wave_0_answers_are_those_of_the_adults_who_count_once(study):
    left_out = {one["row"]: one["reason"] for one in enrol(study).as_json()["left_out"]}
    lines = enumerate(SURVEY.decode("utf-8-sig").splitlines(), start=1)
    kept = [line for number, line in lines if left_out.get(number) not in ("minor", "double_entry")]
    plans = Counter(record.answers["return_plan"] for record in RecruitmentRecord.objects.all())
    names = {"stay": "bli", "return": "retur", "unsure": "usikker"}
    assert {names[code]: n for code, n in plans.items()} == Counter(line.split(";")[21] for line in kept[1:])


def test_the_same_file_again_finds_its_members_and_stores_nothing_new(study):
    enrol(study)
    before = everything()
    again = enrol(study)
    assert again.outcome == {
        **{name: n for name, n in KEY["outcome"].items() if name != "enrolled"},
        "already_member": 458,
    }
    assert again.wave0_answers == again.sharing == 0
    after = everything()
    assert {name for name in after if after[name] != before[name]} == {
        "enrolment.EnrolmentRun",
        "audit.AuditEvent",
    }


def test_a_dry_run_says_the_same_and_writes_nothing_at_all():
    study = cast.bare_study()
    consent_forms.import_form(study_key=study.key, document=data("consent_2022-06-01.json"), day=NOW.date())
    before = everything()
    result = enrol(study, by=SYSTEM, dry_run=True)
    assert (result.dry_run, result.outcome, result.sharing) == (True, KEY["outcome"], 11)
    assert everything() == before
    assert not WrappedRoot.objects.exists(), "not even a key"


def test_a_dry_run_over_a_study_with_members_writes_nothing_either(study):
    enrol(study)
    before = everything()
    result = enrol(study, dry_run=True)
    assert result.outcome["already_member"] == 458
    assert everything() == before


def test_LAW_02_each_yes_points_to_the_exact_words_in_the_language_shown(study):
    enrol(study)
    words = data("consent_2022-06-01.json")["questions"]
    question_of = {"waves": "recontact", "keep_in_touch": "recontact", "interview": "interview"}
    languages = dict(PanelMember.objects.values_list("code", "language"))
    entries = list(ConsentEntry.objects.all())
    for entry in entries:
        assert entry.text_sha256 == text_hash(words[question_of[entry.purpose]][entry.language])
        assert (entry.language, entry.action) == (languages[entry.subject], "imported")
        assert (entry.channel, entry.form_version) == ("recruitment file", "2022-06-01")
        assert entry.day.year == 2022
        assert entry.day.month == 6, "the day it was given, not the day of the import"
    purposes = Counter(entry.purpose for entry in entries)
    assert purposes["waves"] == purposes["keep_in_touch"] == 458
    assert 0 < purposes["interview"] < 458
    assert {entry.language for entry in entries} == {"uk", "ru", "en", "nb"}


# --- who is who


def test_LAW_03_the_two_questions_of_consent_are_apart(study):
    amal = cast.amal(study, Samtykke_intervju="Nei")
    held = {
        p
        for p in ("waves", "keep_in_touch", "interview")
        if consent.holding(study_key=study.key, subjects=None, purpose=p)
    }
    assert held == {"waves", "keep_in_touch"}
    assert {entry.subject for entry in ConsentEntry.objects.all()} == {amal.code}


def test_two_of_a_household_are_two_members_marked_as_sharing(study):
    enrol(study, csv_of(row(1), row(2, E_post="AMAL@example.org."), row(3)))
    by_name = {card(member).first_name: member for member in PanelMember.objects.all()}
    amal, second, third = by_name["Amal"], by_name["Navn2"], by_name["Navn3"]
    assert card(amal).email == card(second).email == "amal@example.org"
    assert amal.shared_address == second.shared_address is not None
    assert third.shared_address is None


def test_a_later_file_marks_the_member_who_was_there_first(study):
    amal = cast.amal(study)
    result = enrol(study, csv_of(row(2, E_post="amal@example.org"), row(3, E_post="amal@example.org")))
    assert (result.sharing, result.outcome) == (2, {"enrolled": 2})
    assert len({m.shared_address for m in PanelMember.objects.all()}) == 1
    amal.refresh_from_db()
    mark = amal.shared_address
    assert mark is not None
    enrol(study, csv_of(row(4, E_post="amal@example.org")))
    assert set(PanelMember.objects.values_list("shared_address", flat=True)) == {mark}


def test_a_member_is_known_again_from_another_file(study):
    cast.amal(study)
    result = enrol(study, csv_of(row(77, E_post=" <Amal@Example.org> ", Fornavn="AMAL")))
    assert result.outcome == {"already_member": 1}
    assert result.left_out == [(2, "already_member")]


def test_the_same_address_in_another_study_is_another_member(study):
    cast.amal(study)
    other = cast.study("second")
    assert enrol(other, csv_of(row(1))).outcome == {"enrolled": 1}
    assert PanelMember.objects.filter(shared_address=None).count() == 2


def test_a_corrected_row_joins_the_answers_stored_before(study):
    assert enrol(study, csv_of(row(1, E_post="amal at example.org"))).outcome == {"invalid_address": 1}
    record = RecruitmentRecord.objects.get()
    assert record.member is None
    result = enrol(study, csv_of(row(1)))
    assert (result.outcome, result.wave0_answers) == ({"enrolled": 1}, 0)
    record.refresh_from_db()
    assert record.member == PanelMember.objects.get()


def test_rows_without_consent_leave_no_code_card_or_name(study):
    enrol(study, csv_of(row(1, Samtykke_ny_kontakt="Nei"), row(2, E_post="")))
    assert RecruitmentRecord.objects.filter(member=None).count() == 2
    assert not PanelMember.objects.exists()
    assert not Card.objects.exists()
    assert not ConsentEntry.objects.exists()


def test_NO_05_nothing_of_a_minor_is_stored(study):
    before = everything()
    result = enrol(study, csv_of(row(1, Fødselsår="2005"), row(2, Fødselsår="2009", Kjønn="?")))
    assert result.outcome == {"minor": 2}
    after = everything()
    assert {n for n in after if after[n] != before[n]} == {"enrolment.EnrolmentRun", "audit.AuditEvent"}


def test_NO_05_minors_by_recorded_decision(study):
    members.decide(by=LIV, study=study, setting="minors_allowed", reason="approved by the committee", now=NOW)
    assert enrol(study, csv_of(row(1, Fødselsår="2005"))).outcome == {"enrolled": 1}


def test_phone_numbers_are_dropped_unless_the_study_has_a_phone_channel(study):
    assert card(cast.amal(study)).phone is None
    second = cast.study("second", phone_channel=True)
    assert card(cast.amal(second)).phone == "+47 44943831"


def test_time_of_day_answer_id_and_municipality_are_not_stored(study):
    enrol(study, csv_of(row(987654321, Kommunenr="9988")))
    record = RecruitmentRecord.objects.get()
    kept = f"{record.answers}{record.cohort}{record.language}"
    for cell in ("987654321", "9988", "15:09", "example.org"):
        assert cell not in kept


# --- refused, with nothing half done


def test_a_file_with_one_bad_row_at_its_end_enrols_nobody(study):
    before = everything()
    with pytest.raises(BadInput, match=r"“Kjønn”: 4\. ") as refused:
        enrol(study, csv_of(row(1), row(2), row(3, Kjønn="qwertz")))
    assert "qwertz" not in str(refused.value)
    assert everything() == before


def test_consent_to_a_form_nobody_imported_is_refused(study):
    before = everything()
    for version in ("2021-01-01", ""):
        with pytest.raises(BadInput, match="Line 3 agrees to words the study doesn't have"):
            enrol(study, csv_of(row(1), row(2, Samtykkeversjon=version)))
    assert everything() == before


@pytest.mark.parametrize("by", [SIGNE, INES, RAVN, TOR, Actor.member("ABC"), Actor.staff("nobody")])
def test_ZON_04_who_may_not_enrol(study, by):
    for dry_run in (True, False):
        with pytest.raises(NotAllowed):
            enrol(study, csv_of(row(1)), by=by, dry_run=dry_run)


def test_law_03_a_yes_by_formula_is_no_silent_no(study):
    before = everything()
    file = xlsx_of(row(1), row(2, Samtykke_ny_kontakt='="Ja"'))
    with pytest.raises(BadInput, match="Line 3 holds a formula"):
        services.enrol(by=VERA, study=study, data=file, suffix=".xlsx", now=NOW)
    assert everything() == before


def broken(*args: object, **kwargs: object) -> None:
    raise RuntimeError("the last write broke")


def test_when_the_last_write_breaks_nothing_is_kept_but_orphans_that_a_sweep_removes(study, monkeypatch):
    before = everything()
    monkeypatch.setattr(audit, "record", broken)
    with pytest.raises(RuntimeError):
        enrol(study, csv_of(row(1), row(2)))
    changed = {name: n - before[name] for name, n in everything().items() if n != before[name]}
    assert changed == {"vault.Card": 2, "keys.DataKey": 2}, "keystore and vault come first, default last"
    assert services.sweep_orphans(by=SYSTEM, now=NOW) == 0, "the youngest may still get their member"
    assert services.sweep_orphans(by=SYSTEM, now=NOW + timedelta(days=2)) == 4
    assert everything() == before


def test_the_sweep_leaves_members_their_cards(study):
    amal = cast.amal(study)
    assert services.sweep_orphans(by=SYSTEM, now=NOW + timedelta(days=900)) == 0
    assert card(amal).email == "amal@example.org"


def test_an_empty_main_database_empties_no_vault(study):
    cast.people(study, 21)
    PanelMember.objects.all().delete()
    with pytest.raises(NotNow, match="21 of 21 contact cards"):
        services.sweep_orphans(by=SYSTEM, now=NOW + timedelta(days=2))
    assert (Card.objects.count(), DataKey.objects.count()) == (21, 21)
    with pytest.raises(NotAllowed):
        services.sweep_orphans(by=LIV, now=NOW + timedelta(days=2), force=True)


def test_the_nightly_task_fails_where_the_sweep_is_refused(study, monkeypatch):
    cast.people(study, 21)
    PanelMember.objects.all().delete()
    monkeypatch.setattr("panel.clock.now", lambda: NOW + timedelta(days=2))
    with pytest.raises(NotNow):
        tasks.sweep_orphans()
    assert AuditEvent.objects.get(verb="orphans.sweep_refused").actor == "sweep"


# --- ZON-02


def test_ZON_02_the_vaults_order_tells_nothing_of_the_order_in_default(study):
    cast.people(study, 200)
    in_default = PanelMember.objects.raw("SELECT * FROM members_panelmember")
    index = Index.load()
    place = {index.card_locator(member.code): number for number, member in enumerate(in_default)}
    places = [place[bytes(one.locator)] for one in Card.objects.raw("SELECT * FROM vault_card")]
    neighbours = sum(abs(a - b) == 1 for a, b in zip(places, places[1:], strict=False))
    assert len(places) == 200
    assert neighbours < 20, "rows in one order would have 199"
    assert set(Card.objects.values_list("made_on", flat=True)) == {NOW.date()}


# --- staged uploads


def staged(
    study: Study, *rows: dict[str, str], by: Actor = VERA
) -> tuple[StagedFile, services.EnrolmentResult]:
    return services.stage(by=by, study=study, data=csv_of(*rows), suffix=".csv", now=NOW)


def test_ZON_06_a_staged_upload_is_sealed_and_its_preview_holds_no_cell(study):
    kept, preview = staged(study, row(1), row(2, E_post="navn2 at example.org"), row(3, Fødselsår="2010"))
    sealed = bytes(StagedFile.objects.get().sealed)
    assert b"amal@example.org" not in sealed
    assert b"Amal" not in sealed
    assert preview.dry_run
    assert preview.outcome == {"enrolled": 1, "invalid_address": 1, "minor": 1}
    assert preview.left_out == [(3, "invalid_address"), (4, "minor")]
    assert preview.repairable == [3]
    assert "example" not in repr(preview)
    assert services.preview_staged(by=VERA, pk=str(kept.pk), now=NOW) == preview
    assert not PanelMember.objects.exists()


def test_a_staged_upload_is_admitted_once(study):
    kept, _preview = staged(study, row(1))
    assert services.admit_staged(by=VERA, pk=str(kept.pk), now=NOW).outcome == {"enrolled": 1}
    assert not StagedFile.objects.exists()
    with pytest.raises(NotFound):
        services.admit_staged(by=VERA, pk=str(kept.pk), now=NOW)


def test_a_staged_upload_lives_one_hour(study):
    kept, _preview = staged(study, row(1))
    late = NOW + timedelta(hours=1)
    with pytest.raises(NotNow):
        services.admit_staged(by=VERA, pk=str(kept.pk), now=late)
    assert services.drop_staged(now=late - timedelta(seconds=1)) == 0
    assert services.drop_staged(now=late) == 1
    assert not StagedFile.objects.exists()


def test_a_staged_upload_is_its_uploaders_alone(study):
    kept, _preview = staged(study, row(1))
    for act in (services.admit_staged, services.preview_staged, services.discard_staged):
        with pytest.raises(NotFound):
            act(by=LIV, pk=str(kept.pk), now=NOW)
    services.discard_staged(by=VERA, pk=str(kept.pk), now=NOW)
    assert not StagedFile.objects.exists()


def test_a_broken_file_is_not_staged(study):
    with pytest.raises(BadInput):
        services.stage(by=VERA, study=study, data=b"a;b\n1;2\n", suffix=".csv", now=NOW)
    assert not StagedFile.objects.exists()


def test_when_the_last_write_breaks_an_upload_stays_as_it_was(study, monkeypatch):
    kept, _preview = staged(study, row(1))
    monkeypatch.setattr(audit, "record", broken)
    for act in (services.admit_staged, services.discard_staged):
        with pytest.raises(RuntimeError):
            act(by=VERA, pk=str(kept.pk), now=NOW)
    with pytest.raises(RuntimeError):
        staged(study, row(2))
    assert StagedFile.objects.get() == kept
    assert not PanelMember.objects.exists()


# --- contact cards


def test_ZON_05_vera_opens_amals_card_with_a_reason_and_it_is_written_down(study):
    amal = cast.amal(study)
    opened = services.open_card(
        by=VERA, member_code=f" {amal.code.lower()} ", reason="she asked for a letter", now=NOW
    )
    assert (opened.email, opened.code) == ("amal@example.org", amal.code)
    event = AuditEvent.objects.order_by("id").last()
    assert event is not None
    assert (event.actor, event.subject, event.study) == ("vera", amal.code, "exitnorway")
    assert event.detail["reason"] == "she asked for a letter"


@pytest.mark.parametrize("by", [SIGNE, INES, RAVN, LIV])
def test_ZON_04_nobody_else_opens_a_card_or_looks_an_address_up(study, by):
    amal = cast.amal(study)
    with pytest.raises(NotAllowed):
        services.open_card(by=by, member_code=amal.code, reason="curious", now=NOW)
    with pytest.raises(NotAllowed):
        services.find_member(by=by, study=study, address="amal@example.org", reason="curious", now=NOW)


def test_for_tor_of_another_study_amal_does_not_exist(study):
    amal = cast.amal(study)
    with pytest.raises(NotFound) as there:
        services.open_card(by=TOR, member_code=amal.code, reason="curious", now=NOW)
    with pytest.raises(NotFound) as not_there:
        services.open_card(by=TOR, member_code="000000000", reason="curious", now=NOW)
    assert str(there.value) == str(not_there.value)


def test_a_card_needs_a_reason(study):
    amal = cast.amal(study)
    with pytest.raises(BadInput):
        services.open_card(by=VERA, member_code=amal.code, reason="  ", now=NOW)


def find(study, address, reason="she called"):
    return services.find_member(by=VERA, study=study, address=address, reason=reason, now=NOW)


def test_vera_finds_a_member_by_address_and_the_audit_keeps_no_address(study):
    amal = cast.amal(study)
    assert find(study, " AMAL@example.org.") == [amal.code]
    assert find(study, "nobody@example.org") == []
    asked, found = AuditEvent.objects.filter(actor="vera", verb__startswith="member.").order_by("id")[:2]
    assert (asked.verb, asked.subject, asked.detail) == ("member.looked_up", "", {"reason": "she called"})
    assert (found.verb, found.subject, found.detail) == ("member.found", amal.code, {})
    assert find(cast.study("second"), "amal@example.org") == []


@pytest.mark.parametrize("given", [("amal@example.org", " "), ("amal", "she called")])
def test_a_search_by_address_needs_an_address_and_a_reason(study, given):
    with pytest.raises(BadInput):
        find(study, *given)
    assert not AuditEvent.objects.filter(verb="member.looked_up").exists()
