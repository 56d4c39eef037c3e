"""Versions of letters: written by one, approved by another, fixed for good, kept under whoever uses them (MAIL-01)."""

from copy import deepcopy
from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.audit.models import AuditEvent
from panel.errors import BadInput, NotAllowed, NotFound, NotNow
from panel.invitations import letter_versions as versions
from panel.invitations import wording
from panel.invitations.letters import Words, words_of
from panel.invitations.models import Letter, LetterKind, LetterText, Outgoing
from panel.invitations.rules import LIVE
from panel.members import services as members
from panel.members.models import StaffRole
from panel.waves import plans
from panel.waves.models import Wave
from tests.factories import cast
from tests.factories import fielding as f
from tests.factories.staged import staged

pytestmark = pytest.mark.django_db
KIND = LetterKind.REMINDER


@pytest.fixture(scope="module")
def _stage(django_db_setup, django_db_blocker):
    with staged(django_db_blocker, lambda: f.with_letters(f.study())) as made:
        yield made


@pytest.fixture
def livet(_stage, db):
    return deepcopy(_stage)


def approved(study, kind=KIND):
    return Letter.objects.get(study=study, kind=kind, name="standard", version=1)


def drafted(study, **changes):
    return versions.draft(by=f.SIGNE, study=study, kind=KIND, now=f.NOON, **changes)


def rewritten(letter, language="en", **changes):
    words = replace(words_of(letter, letter.texts.get(language=language)), **changes)
    return versions.write(by=f.SIGNE, letter=letter, words=words, now=f.NOON)


def other_words(letter, language="en"):
    body = letter.texts.get(language=language).body
    return rewritten(letter, language, body=f"{body}\nThank you.\n")


def wave_with(study, letter, status=Wave.Status.OPEN):
    f.people(study, 1)
    wave = f.opened(study)
    plan = replace(wave.planned, steps=[plans.Step(plans.StepKind.REMINDER, 7, 1, letter=str(letter.pk))])
    Wave.objects.filter(pk=wave.pk).update(plan=plan.as_json(), status=status)
    return wave


# --- a new version


def test_a_new_version_begins_with_the_words_of_the_newest_and_leaves_it_as_it_is(livet):
    old = approved(livet)
    new = drafted(livet)
    assert (new.version, new.state, new.writers) == (2, "draft", [])
    assert set(new.texts.values_list("language", "body")) == set(old.texts.values_list("language", "body"))
    other_words(new)
    assert not old.texts.filter(body__contains="Thank you.").exists()


def test_there_is_one_draft_of_a_letter_at_a_time(livet):
    drafted(livet)
    with pytest.raises(NotNow, match="draft of this letter already"):
        drafted(livet)


def test_a_letter_with_a_name_of_its_own_begins_with_the_standard_one_s_words(livet):
    second = drafted(livet, name="second-reminder")
    assert (second.version, second.texts.count()) == (1, 4)
    versions.approve(by=f.LIV, letter=second, now=f.NOON)
    assert versions.newest_usable(livet, KIND) == approved(livet)
    assert versions.newest_usable(livet, KIND, "second-reminder") == second


@pytest.mark.parametrize(
    ("kind", "name"), [("poem", "standard"), (KIND, "Zweite Mahnung"), (KIND, ""), (KIND, "x" * 41)]
)
def test_a_kind_or_name_that_is_none_is_refused(livet, kind, name):
    with pytest.raises(BadInput, match="short name"):
        versions.draft(by=f.SIGNE, study=livet, kind=kind, name=name, now=f.NOON)


# --- writing


def test_mail_01_all_that_is_wrong_is_said_at_once_with_its_place(livet):
    """MAIL-01: which word, and where."""
    draft = drafted(livet)
    bad = replace(
        words_of(draft, draft.texts.get(language="en")),
        subject="For refugees", body="After the war\n\nhttps://elsewhere.example.net\n\n{first_name} {open",
        shared_line="You",
    )  # fmt: skip
    with pytest.raises(BadInput) as refused:
        versions.write(by=f.SIGNE, letter=draft, words=bad, now=f.NOON)
    for part in (
        "“refugees” (subject)", "“war” (letter)", "Unknown placeholder in the letter: first_name",
        "The letter must have: ", "stop_link", "{mark}", "plain text", "for_whom} must be a paragraph",
        "A brace stands alone",
    ):  # fmt: skip
        assert part in str(refused.value), part
    assert draft.texts.get(language="en").subject != "For refugees"
    assert draft.writers == []


@pytest.mark.parametrize(
    ("put", "sentence"),
    [
        ("ftp://elsewhere.example.net", "plain text"),
        ("mailto:somebody@example.net", "plain text"),
        ("elsewhere.example.net/path", "plain text"),
        ("<b>now</b>", "plain text"),
        ("\u202eton", "turn others round"),
        ("{copy_link}", "can't fill in: copy_link"),
        ("{consent_link}", "can't fill in: consent_link"),
    ],
)
def test_nev_05_what_no_letter_holds(livet, put, sentence):
    text = approved(livet).texts.get(language="en")
    words = words_of(text.letter, text)
    assert wording.problems(words, livet) == []
    (found,) = wording.problems(replace(words, body=f"{words.body}\n\n{put}\n"), livet)
    assert sentence in found


def test_mail_01_no_link_stands_where_mail_programs_show_a_letter_s_first_words(livet):
    """On a locked telephone too; the words there are checked like the subject."""
    text = approved(livet).texts.get(language="en")
    words = words_of(text.letter, text)
    (found,) = wording.problems(replace(words, body=f"{{link}}\n\n{words.body}"), livet)
    assert "beside the subject" in found
    assert wording.preheader(words, livet).startswith("Hello, ")
    for letter in LetterText.objects.all():
        assert "{" not in wording.preheader(words_of(letter.letter, letter), livet)


def test_mail_01_letters_in_a_language_without_a_list_of_words_cannot_be_checked(livet):
    text = approved(livet).texts.get(language="en")
    (found,) = wording.problems(replace(words_of(text.letter, text), language="tlh"), replace_language(livet))
    assert "no list yet" in found


def replace_language(study):
    study.how_to_check = study.how_to_check.replace('"en"', '"tlh"')
    return study


def test_words_are_written_in_the_study_s_languages_and_in_drafts_only(livet):
    draft, words = drafted(livet), words_of(approved(livet), approved(livet).texts.get(language="en"))
    with pytest.raises(BadInput, match="no such language"):
        versions.write(by=f.SIGNE, letter=draft, words=replace(words, language="de"), now=f.NOON)
    with pytest.raises(NotNow, match="Write a new version"):
        versions.write(by=f.SIGNE, letter=approved(livet), words=words, now=f.NOON)


@given(st.lists(st.text(st.sampled_from("ab {}\r\n\t"), max_size=12), max_size=6))
def test_tidying_twice_changes_nothing_more(parts):
    once = versions.tidied(Words(KIND, "en", " s ", "\r\n\r\n".join(parts), " l "))
    assert versions.tidied(once) == once
    assert "\r" not in once.body
    assert "\n\n\n" not in once.body


# --- approving


def test_who_wrote_in_a_letter_never_approves_it_and_who_only_began_it_may(livet):
    draft = versions.draft(by=f.LIV, study=livet, kind=KIND, now=f.NOON)
    words = replace(words_of(draft, draft.texts.get(language="en")), subject="Once more")
    versions.write(by=f.LIV, letter=draft, words=words, now=f.NOON)
    for approve in (
        lambda: versions.approve(by=f.LIV, letter=draft, now=f.NOON),
        lambda: versions.approve_all(by=f.LIV, study=livet, now=f.NOON),
    ):
        with pytest.raises(NotAllowed, match="another project leader"):
            approve()
    versions.discard(by=f.LIV, letter=draft, now=f.NOON)
    begun = versions.draft(by=f.LIV, study=livet, kind=KIND, now=f.NOON)
    other_words(begun)
    assert versions.approve(by=f.LIV, letter=begun, now=f.NOON).state == "approved"


def test_only_what_was_read_is_approved(livet):
    draft = drafted(livet)
    seen = versions.fingerprint(draft)
    other_words(draft)
    with pytest.raises(NotNow, match="changed meanwhile"):
        versions.approve(by=f.LIV, letter=draft, seen=seen, now=f.NOON)
    assert versions.approve(by=f.LIV, letter=draft, seen=versions.fingerprint(draft), now=f.NOON)


def test_no_01_a_letter_that_lacks_a_language_is_not_approved_and_the_sentence_names_it(livet):
    draft = drafted(livet)
    draft.texts.filter(language__in=("uk", "ru")).delete()
    with pytest.raises(BadInput, match="lacks its words in: uk, ru"):
        versions.approve(by=f.LIV, letter=draft, now=f.NOON)
    assert versions.missing_languages(draft) == ["uk", "ru"]


def test_mail_01_the_study_s_own_words_are_looked_at_again_at_approval(livet):
    draft = drafted(livet)
    type(livet).objects.filter(pk=livet.pk).update(public_name="Life after Ukraine")
    with pytest.raises(BadInput, match="ukraine"):
        versions.approve(by=f.LIV, letter=draft, now=f.NOON)


def test_new_letters_say_what_was_approved_last(livet):
    """What a plan names goes on saying what was approved then."""
    old, new = approved(livet), drafted(livet)
    other_words(new)
    assert versions.newest_usable(livet, KIND) == old
    versions.approve(by=f.LIV, letter=new, now=f.NOON)
    assert versions.newest_usable(livet, KIND) == new
    assert versions.usable(livet, old.pk) == old


def test_zon_04_who_may(livet):
    draft = drafted(livet)
    for act in (
        lambda: versions.draft(by=cast.INES, study=livet, kind="notice", now=f.NOON),
        lambda: versions.write(
            by=f.TOR, letter=draft, words=words_of(draft, draft.texts.all()[0]), now=f.NOON
        ),
        lambda: versions.approve(by=f.SIGNE, letter=draft, now=f.NOON),
        lambda: versions.approve_all(by=f.SIGNE, study=livet, now=f.NOON),
        lambda: versions.retire(by=f.SIGNE, letter=approved(livet), now=f.NOON),
        lambda: versions.discard(by=f.TOR, letter=draft, now=f.NOON),
    ):
        with pytest.raises(NotAllowed):
            act()


# --- used by a wave


def test_a_letter_that_a_wave_s_plan_names_is_neither_changed_nor_retired_under_it(livet):
    old = approved(livet)
    wave = wave_with(livet, old)
    newer = drafted(livet)
    versions.approve(by=f.LIV, letter=newer, now=f.NOON)
    words = words_of(old, old.texts.get(language="en"))
    with pytest.raises(NotNow, match="can't be changed"):
        versions.write(by=f.SIGNE, letter=old, words=words, now=f.NOON)
    with pytest.raises(NotNow, match="w2023"):
        versions.retire(by=f.LIV, letter=old, now=f.NOON)
    Wave.objects.filter(pk=wave.pk).update(status=Wave.Status.CLOSED)
    assert versions.retire(by=f.LIV, letter=old, now=f.NOON).state == "retired"


@pytest.mark.parametrize("state", sorted(LIVE))
def test_a_letter_of_which_one_still_waits_stays(livet, state):
    f.people(livet, 1)
    f.opened(livet)
    f.send_all()
    old, newer = approved(livet), drafted(livet)
    versions.approve(by=f.LIV, letter=newer, now=f.NOON)
    Outgoing.objects.update(letter=old, state=state)
    with pytest.raises(NotNow, match="outbox"):
        versions.retire(by=f.LIV, letter=old, now=f.NOON)
    Outgoing.objects.update(state=Outgoing.State.SENT)
    versions.retire(by=f.LIV, letter=old, now=f.NOON)


def test_the_only_approved_letter_of_its_kind_stays(livet):
    with pytest.raises(NotNow, match="only approved letter"):
        versions.retire(by=f.LIV, letter=approved(livet), now=f.NOON)


def test_a_draft_can_be_deleted_and_an_approved_letter_not(livet):
    draft = drafted(livet)
    versions.discard(by=f.SIGNE, letter=draft, now=f.NOON)
    assert not Letter.objects.filter(pk=draft.pk).exists()
    with pytest.raises(NotNow, match="is retired"):
        versions.discard(by=f.SIGNE, letter=approved(livet), now=f.NOON)


def test_a_plan_takes_an_approved_letter_of_its_own_study_in_all_languages(livet):
    with pytest.raises(NotNow, match="isn't approved"):
        versions.usable(livet, drafted(livet).pk)
    with pytest.raises(NotFound):
        versions.usable(livet, uuid4())
    with pytest.raises(BadInput):
        versions.usable(livet, "not an id")
    with pytest.raises(NotFound):
        versions.usable(f.study("other"), approved(livet).pk)
    approved(livet).texts.filter(language="uk").delete()
    with pytest.raises(NotNow, match="lacks its words in: uk"):
        versions.newest_usable(livet, KIND)
    Letter.objects.filter(kind=LetterKind.THANKS).delete()
    with pytest.raises(NotNow, match="no approved letter of the kind “thank-you”"):
        versions.newest_usable(livet, LetterKind.THANKS)


# --- all or nothing


def state_of_letters():
    letters = Letter.objects.order_by("pk").values_list("pk", "state", "writers", "approved_by")
    return list(letters), list(LetterText.objects.order_by("pk").values_list("pk", "body"))


@pytest.mark.parametrize("act", ["draft", "write", "approve", "approve_all", "retire", "discard"])
def test_if_its_last_write_breaks_nothing_is_kept(livet, act, monkeypatch):
    if act != "draft":
        draft = drafted(livet)
    if act == "retire":
        draft = versions.approve(by=f.LIV, letter=draft, now=f.NOON)
    acts = {
        "draft": lambda: drafted(livet),
        "write": lambda: rewritten(draft, subject="Other"),
        "approve": lambda: versions.approve(by=f.LIV, letter=draft, now=f.NOON),
        "approve_all": lambda: versions.approve_all(by=f.LIV, study=livet, now=f.NOON),
        "retire": lambda: versions.retire(by=f.LIV, letter=draft, now=f.NOON),
        "discard": lambda: versions.discard(by=f.SIGNE, letter=draft, now=f.NOON),
    }
    before = state_of_letters()

    def broken(**_given):
        raise OSError("full")

    last = "record" if act in {"write", "approve_all"} else "record_each"
    monkeypatch.setattr(f"panel.audit.services.{last}", broken)
    with pytest.raises(OSError, match="full"):
        acts[act]()
    assert state_of_letters() == before


def test_aud_01_each_step_leaves_its_row(livet):
    members.assign_role(
        by=f.SYSTEM, user=cast.user(cast.RAVN), study=livet, role=StaffRole.Role.LEADER, now=f.NOON
    )
    first = drafted(livet)
    other_words(first)
    versions.approve(by=cast.RAVN, letter=first, now=f.NOON)
    versions.retire(by=f.LIV, letter=first, now=f.NOON)
    versions.discard(by=f.SIGNE, letter=drafted(livet), now=f.NOON)
    rows = AuditEvent.objects.filter(
        verb__startswith="letter.", subject__contains="reminder/standard"
    ).order_by("pk")
    told = [
        (row.verb, row.actor, row.subject.rpartition("/")[2])
        for row in rows
        if not row.subject.endswith("/1")
    ]
    assert told == [
        ("letter.drafted", "signe", "2"), ("letter.written", "signe", "2"),
        ("letter.approved", "ravn", "2"), ("letter.retired", "liv", "2"),
        ("letter.drafted", "signe", "3"), ("letter.discarded", "signe", "3"),
    ]  # fmt: skip
