"""How an operator brings a study and its first staff into being."""

import json

import pytest
from django.core.management import CommandError, call_command

from panel.members import selectors
from panel.members.models import Study
from tests.factories import cast
from tests.factories.cast import LIV, SIGNE, bare_study, user
from tests.factories.recruits import DATA

pytestmark = pytest.mark.django_db


def test_a_study_from_its_files(capsys):
    parts = ("--recruitment", str(DATA / "recruitment.json"), "--disclosure", str(DATA / "disclosure.json"))
    call_command("create_study", str(DATA / "study.json"), *parts, "--json")
    assert json.loads(capsys.readouterr().out) == {"study": "exitnorway"}
    study = Study.objects.get()
    assert study.recruitment["cohort"] == "2022"
    assert study.disclosure["k"] == 6
    assert str(study.retention_until) == "2032-12-31"
    assert json.loads(study.how_to_check).keys() == {"nb", "en", "uk", "ru"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"slug": "x", "key": 1}',
        '{"slug": "x", "minors_allowed": true}',
        '{"retention_until": "soon"}',
    ],
)
def test_files_that_make_no_study(tmp_path, text):
    file = tmp_path / "study.json"
    file.write_text(text)
    with pytest.raises(CommandError) as refused:
        call_command("create_study", str(file))
    assert refused.value.returncode == 1
    assert not Study.objects.exists()


def test_ZON_04_roles_from_the_command_obey_the_same_rules(capsys):
    study = bare_study()
    user(LIV)
    user(SIGNE)
    call_command("assign_role", "liv", "leader", "--study", study.slug)
    call_command("assign_role", "signe", "coordinator", "--study", study.slug)
    assert capsys.readouterr().out.splitlines()[0] == "liv is leader in exitnorway."
    assert selectors.roles_of("liv", study) == {"leader"}
    with pytest.raises(CommandError, match="must be two people"):
        call_command("assign_role", "signe", "keeper", "--study", study.slug)
    with pytest.raises(CommandError, match="no user of this name"):
        call_command("assign_role", "nobody", "keeper", "--study", study.slug)
    assert selectors.roles_of("signe", study) == {"coordinator"}
    call_command("assign_role", "signe", "coordinator", "--study", study.slug, "--take")
    assert selectors.roles_of("signe", study) == set()
    with pytest.raises(CommandError, match="no such role"):
        call_command("assign_role", "signe", "coordinator", "--study", study.slug, "--take")


def test_LAW_10_a_member_is_held_and_let_go_by_command(capsys):
    amal = cast.amal(cast.study())
    call_command("hold", amal.code, "--reason", "Asked by letter.", "--by", "liv", "--json")
    told = {"member": amal.code, "kind": "restriction", "held": True}
    assert json.loads(capsys.readouterr().out) == told
    assert (amal.holds.get().reason, amal.holds.get().lifted_at) == ("Asked by letter.", None)
    with pytest.raises(CommandError, match="needs the role"):
        call_command("hold", amal.code, "--lift", "--by", "signe")
    call_command("hold", amal.code, "--lift", "--by", "liv")
    assert amal.holds.get().lifted_at is not None
    with pytest.raises(CommandError, match="no such hold"):
        call_command("hold", amal.code, "--lift", "--by", "liv")
    with pytest.raises(CommandError, match="Give a reason"):
        call_command("hold", amal.code, "--by", "liv")
