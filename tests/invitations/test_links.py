"""TOK-01, TOK-02: links are random, kept as hashes, of one use each, and end when they should."""

from datetime import timedelta

import pytest

from panel.invitations import links
from panel.invitations.models import Link
from panel.members import services as members
from panel.members.models import PanelMember
from panel.waves import services as waves
from tests.factories import fielding as f

pytestmark = pytest.mark.django_db


@pytest.fixture
def case():
    livet = f.study()
    f.people(livet)
    return f.opened(livet).cases.select_related("member").get()


def mint(case, use=Link.Use.ANSWER):
    return links.mint_many([links.NewLink(use, case.member, case)], today=f.NOON.date())[0]


def test_tok_01_256_random_bits_stored_as_a_hash(case):
    token = mint(case)
    assert len(token) == 43
    stored = Link.objects.get()
    assert len(bytes(stored.hash)) == 32
    assert token.encode() not in bytes(stored.hash)
    assert mint(case) != token


def test_tok_01_each_letter_mints_new_ones_and_older_ones_stay_valid(case):
    old, new = mint(case), mint(case)
    for token in (old, new):
        found = links.resolve(token=token, use=Link.Use.ANSWER, now=f.NOON)
        assert found is not None
        assert found.case == case


@pytest.mark.parametrize("minted", Link.Use)
@pytest.mark.parametrize("asked", Link.Use)
def test_tok_01_a_link_has_one_use(case, minted, asked):
    token = mint(case, minted)
    assert bool(links.resolve(token=token, use=asked, now=f.NOON)) == (minted == asked)


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "х" * 43, "x" * 5000, "\x00"])
def test_tok_01_what_is_unknown_is_none(case, token):
    mint(case)
    assert links.resolve(token=token, use=Link.Use.ANSWER, now=f.NOON) is None


def test_tok_02_an_answer_link_says_thanks_for_14_days_after_the_close_and_then_nothing(case):
    token, closes = mint(case), case.wave.closes_at
    second = timedelta(seconds=1)
    assert links.resolve(token=token, use=Link.Use.ANSWER, now=closes + timedelta(days=14) - second)
    assert links.resolve(token=token, use=Link.Use.ANSWER, now=closes + timedelta(days=14)) is None


def test_tok_02_an_extended_close_extends_the_link(case):
    token, then = mint(case), case.wave.closes_at + timedelta(days=20)
    assert links.resolve(token=token, use=Link.Use.ANSWER, now=then) is None
    case.wave.closes_at += timedelta(days=10)
    case.wave.save()
    assert links.resolve(token=token, use=Link.Use.ANSWER, now=then)


@pytest.mark.parametrize("status", [PanelMember.Status.LEFT, PanelMember.Status.DELETING])
def test_tok_02_who_leaves_can_no_longer_answer_but_can_still_take_it_back(case, status):
    answer, stop = mint(case), mint(case, Link.Use.STOP)
    members.set_status(by=f.SYSTEM, member=case.member, status=status, now=f.NOON)
    assert links.resolve(token=answer, use=Link.Use.ANSWER, now=f.NOON) is None
    assert links.resolve(token=stop, use=Link.Use.STOP, now=f.NOON + timedelta(days=4000))


def test_tok_02_ended_answer_links_are_removed_and_the_others_live_on(case):
    lasting = set(Link.Use) - set(links.OF_REQUESTS)
    for use in lasting:
        mint(case, use)
    over = case.wave.closes_at + timedelta(days=14)
    assert links.drop_ended(now=over) == 0, "a wave that nobody closed yet may be extended"
    waves.turn(now=case.wave.closes_at)
    assert links.drop_ended(now=over - timedelta(seconds=1)) == 0
    assert links.drop_ended(now=over) == 1
    assert set(Link.objects.values_list("use", flat=True)) == lasting - {Link.Use.ANSWER}


@pytest.mark.parametrize("use", links.OF_REQUESTS)
def test_tok_02_a_link_of_a_request_works_for_seven_days_and_is_then_removed(case, use):
    token, last = mint(case, use), f.NOON + timedelta(days=7)
    assert links.resolve(token=token, use=use, now=last)
    assert links.drop_ended(now=last) == 0
    over = last + timedelta(days=1)
    assert links.resolve(token=token, use=use, now=over) is None
    assert links.drop_ended(now=over) == 1


def test_nev_07_a_url_says_nothing_but_its_token(case, settings):
    settings.BASE_URL = "https://panel.example.org"
    token = mint(case)
    assert links.url(Link.Use.ANSWER, token) == f"https://panel.example.org/a/{token}"
    assert links.url(Link.Use.STOP, token) == f"https://panel.example.org/m/{token}"
    assert links.url(Link.Use.ONE_CLICK, token) == f"https://panel.example.org/o/{token}"
