"""Who may what in which study, asked of the database."""

import pytest
from django.contrib.auth.models import AnonymousUser

from panel.audit.rules import Actor
from panel.errors import NotAllowed
from panel.members import permissions
from panel.members.models import StaffRole, Study
from panel.members.rules import ROLES, Role, Verb, roles_with
from tests.factories import cast
from tests.factories.cast import SIGNE, SYSTEM, TOR, VERA, user

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> Study:
    return cast.study()


@pytest.mark.parametrize("actor", cast.ROLES, ids=lambda actor: actor.name)
def test_ZON_04_each_role_may_what_its_card_says_and_nothing_else(study, actor):
    card = ROLES[cast.ROLES[actor]]
    assert {verb for verb in Verb if permissions.may(actor, study, verb)} == card.verbs
    assert {verb for verb in Verb if study in permissions.studies_for(user(actor), verb)} == card.verbs


@pytest.mark.parametrize("verb", Verb)
def test_ZON_04_tor_may_nothing_here_nor_anybody_here_in_his_study(study, verb):
    another = Study.objects.get(slug="another")
    assert not permissions.may(TOR, study, verb)
    assert study not in permissions.studies_for(user(TOR), verb)
    assert not any(permissions.may(actor, another, verb) for actor in cast.ROLES)


@pytest.mark.parametrize("verb", Verb)
def test_a_superuser_a_member_and_a_stranger_may_nothing_by_that_alone(study, verb, django_user_model):
    root = django_user_model.objects.create_superuser("root")
    for actor in (Actor.staff("root"), Actor.member("signe"), Actor.staff("nobody"), Actor.staff("")):
        assert not permissions.may(actor, study, verb)
    assert not permissions.studies_for(root, verb).exists()
    assert not permissions.studies_for(AnonymousUser(), verb).exists()
    assert permissions.may(SYSTEM, study, verb)


def test_who_left_the_staff_may_nothing_at_once(study):
    signe = user(SIGNE)
    signe.is_active = False
    signe.save()
    assert not permissions.may(SIGNE, study, Verb.SEND)
    assert not permissions.studies_for(signe, Verb.SEND).exists()


def test_a_refusal_says_whom_to_ask(study):
    permissions.check(SIGNE, study, Verb.SEND)
    with pytest.raises(NotAllowed, match="contact keeper") as refused:
        permissions.check(SIGNE, study, Verb.OPEN_CARD)
    assert "coordinator" not in str(refused.value)
    with pytest.raises(NotAllowed, match="project leader or contact keeper"):
        permissions.check(SIGNE, study, Verb.ENROL)
    permissions.check(VERA, study, Verb.ENROL)
    assert [str(ROLES[role].name) for role in roles_with(Verb.ENROL)] == ["project leader", "contact keeper"]


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.DPO}))
def test_zon_04_who_is_data_protection_officer_acts_in_no_other_role_of_the_study(role):
    """Reads and advises, whatever else they are: to act would be a conflict of interest. Elsewhere they may."""
    here, elsewhere = cast.study("here"), cast.study("elsewhere")
    oda = Actor.staff("oda")
    someone = cast.user(oda)
    for study, roles in ((here, (role, Role.DPO)), (elsewhere, (role,))):
        for one in roles:
            StaffRole.objects.get_or_create(user=someone, study=study, role=one)
    for verb in ROLES[role].verbs - ROLES[Role.DPO].verbs:
        with pytest.raises(NotAllowed, match="conflict"):
            permissions.check(oda, here, verb)
        assert permissions.may(oda, elsewhere, verb)
        assert list(permissions.studies_for(someone, verb)) == [elsewhere]
    assert permissions.may(oda, here, Verb.SEE_AUDIT)
