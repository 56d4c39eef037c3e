"""CSV and Parquet: the same bytes for the same rows, and nothing a spreadsheet would run."""

import io

import pyarrow.parquet as pq
import pytest

from panel.errors import BadInput
from panel.releases.formats import is_formula, read_csv, write_csv, write_parquet

ROWS = [{"plans": "stay", "left": "-1", "word": 'a "b", c'}, {"plans": "Україна", "left": "1", "word": ""}]
COLUMNS = ["plans", "left", "word"]


def test_csv_reads_back_and_is_the_same_twice():
    data = write_csv(COLUMNS, ROWS)
    assert data == write_csv(COLUMNS, ROWS)
    assert not data.startswith(b"\xef\xbb\xbf")
    assert read_csv(data) == (COLUMNS, ROWS)


def test_parquet_reads_back_with_labels_and_is_the_same_twice():
    data = write_parquet(COLUMNS, ROWS, {"plans": "Plans to return"})
    assert data == write_parquet(COLUMNS, ROWS, {"plans": "Plans to return"})
    table = pq.read_table(io.BytesIO(data))
    assert table.to_pylist() == ROWS
    assert table.schema.field("plans").metadata == {b"label": b"Plans to return"}
    assert table.schema.metadata is None


@pytest.mark.parametrize("value", ["=1+1", "+47", "-x", "@sum", "\tx", "\rx"])
def test_a_formula_is_refused_and_not_repeated(value):
    if value == "+47":
        assert is_formula(value)
    with pytest.raises(BadInput, match="“plans”") as refusal:
        write_csv(["plans"], [{"plans": value}])
    assert value not in str(refusal.value)


@pytest.mark.parametrize("value", ["-1", "-4", "3.5", "a=b", "<6 mnd"])
def test_missing_codes_and_ordinary_codes_pass(value):
    assert not is_formula(value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_any_usual_csv_is_read(delimiter, encoding):
    text = delimiter.join(["fylke", "kjønn"]) + "\r\n" + delimiter.join(["Ærø", "mann"]) + "\r\n"
    assert read_csv(text.encode(encoding)) == (["fylke", "kjønn"], [{"fylke": "Ærø", "kjønn": "mann"}])


@pytest.mark.parametrize("data", [b"", b"a,b\n1\n", b"a,a\n1,2\n", b'a,b\n"1,2\n', b"\x81\x8d\n"])
def test_an_unreadable_file_is_refused(data):
    with pytest.raises(BadInput):
        read_csv(data)
