"""Which files can be read, how their lines are numbered, and which are refused with a sentence."""

import io
import warnings
import zipfile
from datetime import datetime

import pytest
from openpyxl import Workbook

from panel.enrolment.reader import LONGEST_LINE, read
from panel.errors import BadInput
from tests.factories.recruits import csv_of, row, text_of, xlsx_of

SECRET = "amal@example.org"
USED = ("a", "b", "Fornavn", "E-post")
NORSK = row(1, Fornavn="Åse", Fylke="Trøndelag")


def rows(data: bytes, suffix: str = ".csv") -> list[tuple[int, list[str]]]:
    return list(read(data, suffix, USED).rows)


def refusal(data: bytes, suffix: str = ".csv") -> str:
    """The sentence; it says nothing of what stands in the file."""
    with pytest.raises(BadInput) as refused:
        rows(data, suffix)
    assert SECRET not in str(refused.value)
    assert "Amal" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_csv_in_its_shapes_reads_the_same(encoding, delimiter):
    table = read(csv_of(NORSK, row(2), delimiter=delimiter, encoding=encoding), ".csv", USED)
    assert table.header == list(NORSK)
    assert [cells for _line, cells in table.rows] == [list(NORSK.values()), list(row(2).values())]


def test_a_workbook_reads_as_its_csv_does():
    table = read(xlsx_of(NORSK, row(2, Mobil="", Returplaner="")), ".xlsx", USED)
    assert table.header == list(NORSK)
    assert list(table.rows) == [
        (2, list(NORSK.values())),
        (3, list(row(2, Mobil="", Returplaner="").values())),
    ]


def test_cells_of_a_workbook_that_are_numbers_and_dates():
    from_sheet = workbook([["a", "b", "c", "d"], [1977, 1.5, stamp(15, 9), stamp(0, 0)]])
    assert rows(from_sheet, ".xlsx") == [(2, ["1977", "1.5", "2022-06-24 15:09", "2022-06-24"])]


def test_content_says_what_a_file_is_not_its_name():
    assert rows(xlsx_of(row(1)), ".csv") == rows(csv_of(row(1)), ".txt")


def test_lines_are_numbered_as_the_spreadsheet_does():
    data = b'a;b\n1;"two\nlines"\n\n;\n2;x\n'
    assert rows(data) == [(2, ["1", "two\nlines"]), (5, ["2", "x"])]
    assert rows(workbook([["a", "b"], ["1", "x"], [None, None], ["2", "y"]]), ".xlsx") == [
        (2, ["1", "x"]),
        (4, ["2", "y"]),
    ]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_any_end_of_line(ending):
    assert rows(ending.join(["a;b", "1;2", ""]).encode()) == [(2, ["1", "2"])]


def test_a_name_of_a_column_over_two_lines_is_one_name():
    assert read(b'"Samtykke\nny kontakt";b\n1;2\n', ".csv", USED).header == ["Samtykke ny kontakt", "b"]


# --- refused


@pytest.mark.parametrize("data", [b"", b"  \r\n \n", b"\xef\xbb\xbf"])
def test_an_empty_file(data):
    assert refusal(data).startswith(("The file is empty", "The first line holds no names"))


def test_a_line_over_10000_characters():
    fits = "x" * (LONGEST_LINE - len(SECRET) - 1)
    assert rows(f"a;b\n{SECRET};{fits}\n".encode()) == [(2, [SECRET, fits])]
    assert "Line 2 is longer" in refusal(f"a;b\n{SECRET};{fits}xx\n".encode())
    assert "Line 1 is longer" in refusal(f"a;{fits * 2}\n1;2\n".encode())


def test_a_row_over_10000_characters_in_many_short_lines():
    cell = "\n".join(["x" * 90] * 200)
    assert "Line 2 is longer" in refusal(f'a;b\n1;"{cell}"\n'.encode())
    assert "Line 2 is longer" in refusal(workbook([["a", "b"], ["1", cell]]), ".xlsx")


def test_a_duplicate_name_of_a_column():
    assert refusal(b"a;b; a \n1;2;3\n") == "Two columns have the same name. Give each its own."


@pytest.mark.parametrize("line", ["1", "1;2;3", ";;3"])
def test_a_row_that_does_not_fit_its_header(line):
    assert "Line 3 has more or fewer cells" in refusal(f"a;b\n{SECRET};2\n{line}\n".encode())


def test_a_file_cut_off_in_a_quoted_cell():
    assert "Line 2 can't be read: a quotation mark" in refusal(f'a;b\n1;"{SECRET}\n2;x\n'.encode())


def test_a_quotation_mark_out_of_place():
    assert "Line 2 can't be read" in refusal(f'a;b\n"1"{SECRET};2\n'.encode())


@pytest.mark.parametrize(
    "data",
    [
        text_of([row(1)]).encode("utf-16"),
        text_of([row(1)]).encode("utf-16-le"),
        b"a;b\n1;\x00\n",
        b"a;b\n1;\x81\x8d\n",
        bytes(range(256)) * 4,
    ],
)
def test_what_is_no_text_in_a_known_encoding(data):
    assert "Save it as CSV in UTF-8" in refusal(data)


@pytest.mark.parametrize("suffix", [".pdf", ".ods", ""])
def test_another_kind_of_file(suffix):
    assert "Save it as CSV or XLSX" in refusal(csv_of(row(1)), suffix)


def test_a_workbook_with_a_password():
    """Excel wraps an encrypted workbook into the container of the old XLS files."""
    assert "has a password" in refusal(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, ".xlsx")


def test_damaged_workbooks():
    whole = xlsx_of(row(1), row(2))
    for cut in (4, 30, len(whole) // 2, len(whole) - 30):
        assert "can't be read" in refusal(whole[:cut], ".xlsx")
    for member in ("xl/workbook.xml", "xl/worksheets/sheet1.xml", "[Content_Types].xml"):
        assert "can't be read" in refusal(without(whole, member), ".xlsx")
        assert "can't be read" in refusal(without(whole, member, b"<not xml"), ".xlsx")


def test_a_workbook_in_an_archive_with_a_password():
    whole = bytearray(xlsx_of(row(1)))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = -1
        while (place := whole.find(mark, place + 1)) >= 0:
            whole[place + flags] |= 1
    assert "can't be read" in refusal(bytes(whole), ".xlsx")


def test_nev_09_a_phone_number_in_a_cell_meant_for_dates_is_not_warned_of():
    """openpyxl would print it; in tests a warning is an error, so this one stands for silence."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(["name", "phone"])
    sheet.append(["x", 4798765432])
    sheet["B2"].number_format = "yyyy-mm-dd"
    out = io.BytesIO()
    book.save(out)
    with warnings.catch_warnings(record=True) as warned:
        assert rows(out.getvalue(), ".xlsx") == [(2, ["x", "#VALUE!"])]
    assert not warned


@pytest.mark.parametrize("lines", [[["a", "b"], ["1", "2"], ["=1+1", "x"]], [["a", '="b"'], ["1", "2"]]])
def test_law_03_a_formula_where_a_value_is_read(lines):
    """Saved by a program that doesn't calculate, ="Ja" has no value and would be taken for no consent."""
    line = next(number for number, cells in enumerate(lines, start=1) if any(c[0] == "=" for c in cells))
    assert f"Line {line} holds a formula" in refusal(workbook(lines), ".xlsx")


def test_a_formula_that_was_calculated_is_refused_too_for_its_value_may_be_old():
    whole = workbook([["a", "b"], ["1", "=1+1"]])
    sheet = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        told = archive.read(sheet).replace(b"<v></v>", b"<v>2</v>").replace(b"<v />", b"<v>2</v>")
    assert b"<v>2</v>" in told
    assert "Line 2 holds a formula" in refusal(without(whole, sheet, told), ".xlsx")


def test_formulas_of_columns_nobody_reads_and_texts_that_look_like_one_disturb_nothing():
    book = Workbook()
    for values in (["a", "own sum", "b"], ["1", "=1+1", "2"], [None, "=1+1", None], ["3", "", "="]):
        book.worksheets[0].append(values)
    book.worksheets[0]["A2"].value, book.worksheets[0]["A2"].data_type = "=1", "s"
    out = io.BytesIO()
    book.save(out)
    assert rows(out.getvalue(), ".xlsx") == [(2, ["=1", "", "2"]), (4, ["3", "", "="])]


def test_a_workbook_that_would_fill_the_memory(monkeypatch):
    monkeypatch.setattr("panel.enrolment.reader.BIGGEST_WORKBOOK", 1000)
    assert "too big" in refusal(xlsx_of(row(1)), ".xlsx")


@pytest.mark.parametrize("member", ["xl/worksheets/sheet1.xml", "xl/workbook.xml"])
def test_a_workbook_whose_entities_multiply(member):
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><x>&b;</x>'
    assert "can't be read" in refusal(without(xlsx_of(row(1)), member, bomb), ".xlsx")


def stamp(hour: int, minute: int):
    return datetime(2022, 6, 24, hour, minute)  # noqa: DTZ001  a sheet knows no time zone


def workbook(values: list[list[object]]) -> bytes:
    book = Workbook()
    for line in values:
        book.worksheets[0].append(line)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def without(whole: bytes, name: str, instead: bytes | None = None) -> bytes:
    """The archive with a member left out, or replaced."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.namelist():
            if member != name:
                new.writestr(member, old.read(member))
        if instead is not None:
            new.writestr(name, instead)
    return out.getvalue()


def test_the_header_alone_is_a_file_of_no_rows():
    assert rows(csv_of(row(1)).splitlines(keepends=True)[0]) == []
