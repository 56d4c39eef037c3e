"""Expressions mean here what they mean in ODK (xforms-spec, "XPath functions")."""

from datetime import date

import pytest
from elementpath.xpath1 import XPath1Parser

from panel.instruments.xpath import ExpressionError, Instance, compiled


@pytest.fixture
def instance():
    made = Instance(date(2023, 10, 2))
    made.add(
        "p", {"one": "a", "many": "x y", "n": "12", "empty": "", "month": "2022-05-01", "truth": "false"}
    )
    return made


TRUE = [
    "/data/p/one = 'a'",
    "/data/p/one != 'b'",
    "selected(/data/p/many, 'x')",
    "selected('one two', /data/p/one) or selected(/data/p/many, 'y')",
    "count-selected(/data/p/many) = 2",
    "count-selected(/data/p/empty) = 0",
    "selected-at(/data/p/many, 1) = 'y' and selected-at(/data/p/many, 5) = ''",
    "/data/p/n = 12",
    "/data/p/n = '12'",
    "/data/p/n > 3 and /data/p/n <= 12",
    "'12' >= 12.0",
    "/data/p/empty = ''",
    "not(/data/p/empty < 3) and not(/data/p/empty >= 3)",
    "not(/data/p/nowhere = 1)",
    "/data/p/month <= today()",
    "/data/p/month >= date('2022-02-01')",
    "today() = '2023-10-02'",
    "decimal-date-time('1970-01-02') = 1",
    "number('1970-01-11') = 10",
    "format-date(today(), '%Y%m') = '202310'",
    "format-date('2023-03-05', '%e.%n.%y') = '5.3.23'",
    "if(/data/p/n > 3, 'yes', 'no') = 'yes'",
    "coalesce(/data/p/empty, 'other') = 'other'",
    "regex(/data/p/n, '^[0-9]{2}$')",
    "string-length(/data/p/many) = 3",
    "substr('hello', 1, 3) = 'el'",
    "substr('hello', -2) = 'lo'",
    "ends-with('hello', 'lo') and starts-with('hello', 'he') and contains('hello', 'l')",
    "round(2.345, 2) = 2.35",
    "round(-2.5) = -2",
    "int(-2.9) = -2",
    "pow(2, 3) = 8 and abs(-1) = 1",
    "min(3, 1, 2) = 1 and max(3, /data/p/n) = 12",
    "not(min(1, 'x') = min(1, 'x'))",
    "join('-', 'a', 'b') = 'a-b'",
    "concat('a', 1) = 'a1'",
    "checklist(1, 2, 1, 1, 0)",
    "not(checklist(-1, 1, 1, 1, 0))",
    "boolean-from-string('1') and not(boolean-from-string(/data/p/truth))",
    "true() != false()",
    "/data/p/n + 1 = 13",
    "not(/data/p/empty + 1 > 0)",
    "(/data/p/n = 12) = true()",
]


@pytest.mark.parametrize("expression", TRUE)
def test_true_in_odk_is_true_here(instance, expression):
    assert instance.holds(expression)
    assert not instance.holds(f"not({expression})")


def test_the_point_is_the_item_itself(instance):
    assert instance.holds(". > 10", at="n")
    assert not instance.holds(". > 10", at="empty")


def test_a_choice_filter_speaks_of_the_choices_columns(instance):
    assert instance.offers("selected(who, /data/p/one)", {"name": "c", "who": "b a"})
    assert not instance.offers("selected(who, /data/p/one)", {"name": "c", "who": "b"})
    assert not instance.offers("selected(who, /data/p/one)", {"name": "c"})


@pytest.mark.parametrize(
    "expression", ["pulldata('a')", "selected(1)", "1 +", "/data/p/n = ", "random() > 0.5"]
)
def test_what_cant_be_run_is_said(expression):
    with pytest.raises(ExpressionError):
        compiled(expression)


def test_a_broken_pattern_is_said(instance):
    with pytest.raises(ExpressionError):
        instance.holds("regex('a', '(')")


def test_an_expression_is_parsed_once_in_a_process():
    assert compiled("1 + 1 = 2") is compiled("1 + 1 = 2")


def test_elementpaths_own_parser_stays_as_it_is():
    assert "selected" not in XPath1Parser.symbol_table
    with pytest.raises(ValueError, match="FORG0001"):
        XPath1Parser().parse("'2022-05' < '2023-05'")
