"""What a release is made of: coded answers and background, without ids, free text and people under a hold."""

import pytest

from panel.enrolment.models import RecruitmentRecord
from panel.errors import BadInput
from panel.instruments.questionnaire import Texts
from panel.members import services as members
from panel.members.models import Hold, PanelMember, Study
from panel.releases import extracts, variables
from panel.releases.codebook import codebook
from panel.releases.intervals import Group
from panel.residency import selectors as residency
from panel.waves.models import Case
from tests.instruments.forms import END, item, page
from tests.releases.conftest import (
    CANARY,
    GONE,
    NOW,
    SURVEY,
    SYSTEM,
    a_study,
    a_wave,
    answer,
    answers_of,
    enrol,
)


def test_only_what_the_form_lets_go_becomes_a_variable(fielded):
    """SDC-07: no id, no free text, nothing marked for tables only; background comes from wave 0."""
    found, rows = extracts.microdata(fielded.study, fielded.wave)
    assert [each.name for each in found] == ["w0_gender", "w0_birth_year", "where_live", "work", "home"]
    assert len(rows) == 80
    assert all(set(row) == {each.name for each in found} for row in rows)
    assert CANARY not in str(rows)
    codes = set(PanelMember.objects.values_list("code", flat=True))
    assert not codes & {value for row in rows for value in row.values()}


def test_the_background_is_that_of_the_same_person(fielded):
    rows = extracts.microdata(fielded.study, fielded.wave)[1]
    known = RecruitmentRecord.objects.filter(member__in=[case.member_id for case in fielded.cases])
    years = sorted(record.answers["birth_year"] for record in known)
    assert sorted(row["w0_birth_year"] for row in rows) == years


def test_wave_0_has_the_answers_of_members_and_of_those_who_did_not_agree(fielded):
    found, rows = extracts.microdata(fielded.study, None)
    assert len(rows) == RecruitmentRecord.objects.filter(study=fielded.study).count()
    assert RecruitmentRecord.objects.filter(study=fielded.study, member=None).exists()
    assert "w0_gender" not in {each.name for each in found}


def test_res_06_a_blank_cell_of_wave_0_is_no_answer_in_file_and_codebook(db):
    study = a_study("livet")
    enrol(study, 12, blank="Kjønn")
    found, rows = extracts.microdata(study, None)
    blank = [each for each in found if any(row[each.name] == "-5" for row in rows)]
    assert [each.name for each in blank] == ["gender"]
    assert not [row for row in rows if "-3" in row.values()], "nobody could say “prefer not to say” in wave 0"
    for entry in codebook(blank, {}):
        assert entry["missing"]["-5"] == "no answer"
        assert "-5" not in entry["values"]


@pytest.mark.parametrize("how", ["hold", "deleting"])
def test_people_under_a_hold_or_about_to_be_deleted_are_absent(fielded, how):
    """LAW-06, LAW-10: from the wave and from wave 0."""
    before = [len(extracts.microdata(fielded.study, wave)[1]) for wave in (fielded.wave, None)]
    member = fielded.cases[3].member
    if how == "hold":
        members.hold(by=SYSTEM, member=member, kind=Hold.Kind.RESTRICTION, reason="asked", now=NOW)
    else:
        members.set_status(by=SYSTEM, member=member, status=PanelMember.Status.DELETING, now=NOW)
    after = [len(extracts.microdata(fielded.study, wave)[1]) for wave in (fielded.wave, None)]
    assert after == [before[0] - 1, before[1] - 1]
    assert len(extracts.reasons(fielded.wave)[1]) == 15


def test_reasons_are_read_by_where_people_went(fielded):
    """RES-06: wording variants are one option, offered to both groups; who stayed was not asked."""
    options, leavers = extracts.reasons(fielded.wave)
    asked_of = {option.code: option.asked_of for option in options}
    assert asked_of == {
        "longing": Group.RETURNED,
        "family": Group.ALL,
        "no_work": Group.ALL,
        "language": Group.MOVED_ON,
    }
    assert sum(each.group == Group.RETURNED for each in leavers) == 10
    assert sum(each.group == Group.MOVED_ON for each in leavers) == 6
    assert sum("longing" in each.reasons for each in leavers) == 10


def test_reasons_of_every_question_that_asks_for_them_count(db):
    """As in the residency's own count: a code that two questions share is one option."""
    study = a_study("livet")
    enrol(study, 40)
    more = [
        page("more", relevant=GONE),
        item(
            "select_multiple why",
            "why_else",
            "sensitive",
            gj_release="tables",
            choice_filter="selected(gj_offered_to, ${where_live})",
        ),
        END,
    ]
    wave = a_wave(study, [*SURVEY, *more])
    case = Case.objects.filter(wave=wave).select_related("wave__instrument", "member")[0]
    answer(case, answers_of(0) | {"why": ["longing"], "why_else": ["no_work"]})
    options, (leaver,) = extracts.reasons(wave)
    assert [option.code for option in options] == ["longing", "family", "no_work", "language"]
    assert leaver.reasons == {"longing", "no_work"} == set(residency.exit_reasons(wave))


def test_queries_do_not_grow_with_the_wave(fielded, django_assert_max_num_queries):
    with django_assert_max_num_queries(4):
        extracts.microdata(fielded.study, fielded.wave)


def test_laxer_thresholds_than_the_defaults_are_refused():
    """SDC-02: a study may be stricter, never laxer."""
    assert variables.thresholds({"k": 10, "suppress": 0.02}).k == 10
    for lax in ({"k": 5}, {"suppress": 0.06}):
        with pytest.raises(BadInput, match="laxer"):
            variables.thresholds(lax)


def test_a_quasi_identifier_without_levels_is_refused():
    labels: Texts = {"en": "x"}
    study = Study(recruitment={"items": {"county": {"class": "quasi", "labels": labels}}}, disclosure={})
    with pytest.raises(BadInput, match="declare the hierarchy “county”"):
        variables.of_recruitment(study.recruitment, study.disclosure)
    with pytest.raises(BadInput, match="no item nose"):
        variables.background(study.recruitment, {"background": ["nose"]})
