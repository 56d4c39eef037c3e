"""A form is taken in whole or refused with a line for each thing that is wrong, naming sheet and row."""

import io
import json
import zipfile

import pytest

from panel.errors import BadInput
from panel.instruments.questionnaire import Kind, Questionnaire
from panel.instruments.xlsform import MAX_BYTES, compile_form
from tests.instruments.forms import EN, END, NB, YES_NO, form, item, one_page, option, page, xlsx


def refusal(*survey, **more):
    with pytest.raises(BadInput) as caught:
        form(*survey, **more)
    return str(caught.value)


def refusal_of(*items, **more):
    return refusal(page(), *items, END, **more)


def test_pages_items_and_choices_come_out_as_written():
    q = form(
        page("one"),
        item("select_one yn", "work", required="yes", gj_class="quasi", gj_hierarchy="work"),
        item("date", "left", appearance="month-year", gj_class="sensitive", gj_release="tables"),
        END,
        page("two", relevant="${work} = 'yes'"),
        item("note", "thanks", klass=None),
        item("text", "more", "free_text", **{"hint::English (en)": "h", "hint::Norsk (nb)": "h"}),
        END,
    )
    assert [one.name for one in q.pages] == ["one", "two"]
    assert [one.kind for one in q.items()] == [Kind.SELECT_ONE, Kind.MONTH, Kind.TEXT]
    assert q.item("work").hierarchy == "work"
    assert q.item("left").tables_only
    assert q.page("two").relevant == "/data/one/work  = 'yes'"
    assert q.languages == ("en", "nb")
    assert q.default_language == "en"
    assert [choice.code for choice in q.options(q.item("work"))] == ["yes", "no"]


def test_a_compiled_form_survives_storage(exitnorway):
    assert Questionnaire.from_json(json.loads(json.dumps(exitnorway.to_json()))) == exitnorway


# --- refusals


@pytest.mark.parametrize("source", [b"", b"hello", b"PK\x03\x04" + b"\0" * 50, b"\xff" * 100])
def test_a_file_that_is_no_workbook_is_refused(source):
    with pytest.raises(BadInput, match=r"\.xlsx"):
        compile_form(source)


def test_an_archive_with_a_password_is_refused():
    whole = bytearray(xlsx([page(), item(), END]))
    place = -1
    while (place := whole.find(b"PK\x01\x02", place + 1)) >= 0:
        whole[place + 8] |= 1
    with pytest.raises(BadInput, match=r"\.xlsx"):
        compile_form(bytes(whole))


def test_a_zip_that_is_no_workbook_is_refused():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(BadInput, match=r"\.xlsx"):
        compile_form(out.getvalue())


def test_a_file_that_unpacks_to_much_is_refused():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"\0" * 50_000_000)
    with pytest.raises(BadInput, match=r"\.xlsx"):
        compile_form(out.getvalue())


def test_a_large_file_is_refused():
    with pytest.raises(BadInput, match="MB"):
        compile_form(b"\0" * (MAX_BYTES + 1))


def test_pyxforms_own_errors_are_passed_on_with_their_row():
    text = refusal_of(item("select_one nowhere"))
    assert "nowhere" in text
    assert "3" in text
    assert "nobody" in refusal_of(item(relevant="${nobody} = 1"))


def test_law_01_an_item_without_a_class_is_refused_with_its_row():
    text = refusal_of(item(klass=None))
    assert 'Sheet survey, row 3, "age": gj_class is missing' in text


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"klass": "secret"}, "gj_class is missing or unknown"),
        ({"klass": "quasi"}, "gj_hierarchy names the recoding"),
        ({"gj_hierarchy": "age"}, "gj_hierarchy names the recoding"),
        ({"kind": "text", "name": "words"}, "free_text is for text questions"),
        ({"klass": "free_text"}, "free_text is for text questions"),
        ({"gj_residency": "city"}, 'gj_residency "city" is unknown'),
        ({"gj_residency": "left_month"}, "month-year"),
        ({"gj_sensitive": "yes"}, "gj_sensitive is for items of the class sensitive"),
        (
            {"kind": "select_one yn", "klass": "sensitive", "gj_sensitive": "perhaps"},
            '"perhaps" is not among',
        ),
        ({"kind": "select_one yn", "gj_residency": "status"}, "in_norway, returned"),
        ({"gj_release": "some"}, "gj_release is empty or"),
        ({"name": "Age"}, "small letters"),
        ({"gj_clas": "quasi"}, 'no column "gj_clas"'),
        ({NB: None}, "label lacks the language nb"),
        ({"hint::English (en)": "hint"}, "hint lacks the language nb"),
        (
            {"constraint": ". > 1", "constraint_message::Norsk (nb)": "nei"},
            "constraint_message lacks the language en",
        ),
        ({"default": "3"}, "Nothing is filled in beforehand"),
    ],
)
def test_a_wrong_column_is_refused(columns, words):
    assert words in refusal_of(item(**columns))


@pytest.mark.parametrize(
    "kind", ["geopoint", "image", "audio", "file", "date", "dateTime", "decimal", "barcode", "rank yn"]
)
def test_nev_04_what_is_never_asked_is_refused(kind):
    assert "is not possible" in refusal_of(item(kind))


@pytest.mark.parametrize("kind", ["start", "deviceid", "phonenumber", "audit", "username"])
def test_nev_15_what_the_respondent_is_not_asked_is_refused(kind):
    name = "audit" if kind == "audit" else "silent"
    extra = {"type": kind, "name": name, "gj_class": "internal"}
    assert f'"{name}": ' in refusal(page(), item(), END, extra)


def test_a_question_outside_a_page_and_a_repeat_are_refused():
    assert '"age": Only pages stand here' in refusal(item(), page(), item(name="other"), END)
    assert "Only pages stand here" in refusal(
        {**page(), "type": "begin_repeat"}, item(), {"type": "end_repeat"}
    )
    assert '"group" is not possible' in refusal(page(), page("inner"), item(), END, END)


@pytest.mark.parametrize("column", ["relevant", "required", "choice_filter"])
def test_routing_may_only_ask_about_earlier_pages(column):
    first, second = (
        item("select_one yn", "first"),
        item("select_one yn", "second", **{column: "${first} = 'yes'"}),
    )
    assert "does not stand on an earlier page" in refusal_of(first, second)
    assert form(page("one"), first, END, page("two"), second, END)


def test_a_constraint_may_look_at_its_own_page():
    assert one_page(item(name="a"), item(name="b", constraint=". >= ${a}"))


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("pulldata('x')", "can't be run"),
        ("selected(${first})", "can't be run"),
        ("first = 'yes'", "names first"),
        ("../first = 'yes'", "a path"),
        ("today() > '2023-01-01'", "depends on the day"),
        ("random() > 0.5", "can't be run"),
    ],
)
def test_a_condition_that_cant_be_run_is_refused(condition, words):
    text = refusal(
        page("one"),
        item("select_one yn", "first"),
        END,
        page("two"),
        item(name="second", relevant=condition),
        END,
    )
    assert words in text
    assert "row 6" in text


def test_a_choice_without_a_language_is_refused_with_its_row():
    text = refusal_of(item("select_one yn"), choices=(option("yes"), option("no", **{NB: None})))
    assert 'Sheet choices, row 3, "no" of list "yn": label lacks the language nb' in text


@pytest.mark.parametrize(("column", "value"), [("gj_factor", "weather"), ("gj_missing", "maybe")])
def test_a_choice_with_an_unknown_meaning_is_refused(column, value):
    assert column in refusal_of(
        item("select_one yn"), choices=(option("yes"), option("no", **{column: value}))
    )


def test_a_code_twice_needs_a_filter():
    twice = (*YES_NO, option("no"))
    assert "holds a code twice" in refusal_of(
        item("select_one yn"), choices=twice, allow_choice_duplicates="yes"
    )


def test_columns_of_a_file_can_not_collide():
    text = refusal_of(item("select_multiple yn", "likes"), item(name="likes_yes"))
    assert "two items would fill the same column" in text


def test_a_form_without_languages_is_refused():
    source = xlsx(
        [
            {"type": "begin_group", "name": "one", "label": "One"},
            {"type": "integer", "name": "age", "label": "Age", "gj_class": "releasable"},
            END,
        ],
        [],
        default_language=None,
    )
    with pytest.raises(BadInput, match="names no language"):
        compile_form(source)


def test_answers_are_never_repeated_inside_a_question():
    text = refusal(
        page("one"),
        item(),
        END,
        page("two"),
        item(name="b", **{EN: "You said ${age}", NB: "Du sa ${age}"}),
        END,
    )
    assert "repeats an answer" in text


def test_many_problems_are_listed_but_not_endlessly():
    text = refusal_of(*(item(name=f"q{number}", klass=None) for number in range(30)))
    assert "… and " in text
    assert len(text.splitlines()) == 22
