"""Flat files that a crash left: a torn last row, and a batch whose end was not announced."""

import logging
import struct

import pytest
from series_under_test import DAY, NEXT, TWO, TWO_BYTES, data_file, engine, same

pytestmark = pytest.mark.ours

WHOLE = 2 * len(TWO_BYTES)
FOUR = {name: values * 2 for name, values in TWO.items()}


@pytest.fixture
def warned(caplog):
    """How many warnings of the library there were since it was last asked."""
    caplog.set_level(logging.WARNING, "chronolite")

    def count():
        found = [
            record
            for record in caplog.records
            if record.levelno == logging.WARNING and record.name.split(".")[0] == "chronolite"
        ]
        caplog.clear()
        return len(found)

    return count


@pytest.fixture
def pending(folder):
    """Announces that a batch is written behind so many bytes."""

    def announce(length, day=DAY):
        data_file(folder, day=day).with_name("data.bin.pending").write_bytes(
            struct.pack("<Q", length)
        )

    return announce


@pytest.mark.parametrize("torn", [1, 7, 8, 15])
def test_a_torn_row_is_left_out_and_reported(flat, folder, warned, torn):
    data_file(folder).write_bytes(TWO_BYTES * 2 + TWO_BYTES[:torn])
    same(flat.read("ES", DAY), FOUR)
    assert warned() >= 1
    assert data_file(folder).stat().st_size == WHOLE + torn
    same(flat.read("ES", (DAY, NEXT)), FOUR)
    assert flat.read("ES", DAY, start=-1)["timestamp"].tolist() == [2]
    assert flat.read("ES", DAY, end=-1)["timestamp"].tolist() == [1, 2, 1]


@pytest.mark.parametrize("torn", [1, 7, 8, 15])
def test_the_next_append_cuts_a_torn_row(flat, folder, warned, torn):
    data_file(folder).write_bytes(TWO_BYTES + b"\xff" * torn)
    flat.append("ES", DAY, TWO)
    assert warned() >= 1
    assert data_file(folder).read_bytes() == TWO_BYTES * 2
    same(flat.read("ES", DAY), FOUR)
    assert warned() == 0


def test_a_file_of_less_than_a_row_has_none(flat, folder, warned):
    data_file(folder).write_bytes(TWO_BYTES[:5])
    assert flat.read("ES", DAY) == {}
    assert warned() >= 1
    flat.append("ES", DAY, TWO)
    assert data_file(folder).read_bytes() == TWO_BYTES


def test_whole_rows_are_no_cause_for_a_warning(flat, folder, warned):
    data_file(folder).write_bytes(TWO_BYTES)
    flat.append("ES", DAY, TWO)
    same(flat.read("ES", DAY), FOUR)
    assert warned() == 0


def test_a_row_torn_while_the_file_is_open_is_cut_too(flat, folder, warned):
    flat.append("ES", DAY, TWO)
    with data_file(folder).open("ab") as file:
        file.write(b"torn")
    same(flat.read("ES", DAY), TWO)
    flat.append("ES", DAY, TWO)
    assert data_file(folder).read_bytes() == TWO_BYTES * 2


@pytest.mark.parametrize("behind", [16, 32, 5, 21])
def test_rows_behind_an_announced_length_are_not_read(flat, folder, pending, behind):
    data_file(folder).write_bytes(TWO_BYTES * 2 + (TWO_BYTES * 2)[:behind])
    pending(WHOLE)
    same(flat.read("ES", DAY), FOUR)
    same(flat.read("ES", (DAY, NEXT)), FOUR)
    assert flat.read_arrow("ES", DAY).num_rows == 4
    assert flat.read("ES", DAY, start=-1)["timestamp"].tolist() == [2]


@pytest.mark.parametrize("behind", [0, 16, 32, 5, 21])
def test_the_next_append_cuts_them(flat, folder, pending, behind):
    data_file(folder).write_bytes(TWO_BYTES + b"\xff" * behind)
    pending(len(TWO_BYTES))
    flat.append("ES", DAY, TWO)
    assert data_file(folder).read_bytes() == TWO_BYTES * 2
    assert not data_file(folder).with_name("data.bin.pending").exists()
    same(flat.read("ES", DAY), FOUR)


def test_a_day_whose_first_batch_was_not_ended_has_no_rows(flat, folder, pending):
    data_file(folder).write_bytes(TWO_BYTES)
    pending(0)
    assert flat.read("ES", DAY) == {}
    flat.append("ES", DAY, {"timestamp": 9, "value": 9.5})
    same(flat.read("ES", DAY), {"timestamp": [9], "value": [9.5]})


def test_an_announcement_before_the_file_was_made(flat, folder, pending):
    pending(0)
    assert flat.read("ES", DAY) == {}
    flat.append("ES", DAY, TWO)
    same(flat.read("ES", DAY), TWO)
    assert data_file(folder).read_bytes() == TWO_BYTES


def test_days_do_not_share_an_announcement(flat, folder, pending):
    for day in (DAY, NEXT):
        data_file(folder, day=day).write_bytes(TWO_BYTES * 2)
    pending(len(TWO_BYTES), NEXT)
    same(flat.read("ES", DAY), FOUR)
    same(flat.read("ES", NEXT), TWO)
    flat.append("ES", DAY, TWO)
    same(flat.read("ES", NEXT), TWO)
    assert len(flat.read("ES", (DAY, NEXT))["value"]) == 8


def test_a_day_that_was_left_half_written_can_be_deleted(flat, folder, pending):
    data_file(folder).write_bytes(TWO_BYTES * 2)
    pending(len(TWO_BYTES))
    assert flat.delete_day("ES", DAY) is True
    assert flat.read("ES", DAY) == {}
    flat.append("ES", DAY, TWO)
    same(flat.read("ES", DAY), TWO)


def test_batches_leave_no_announcement_behind(flat, folder):
    for count in (1, 2, 5000, 1):
        flat.append("ES", DAY, {"timestamp": range(count), "value": [0.5] * count})
        assert [file.name for file in data_file(folder).parent.iterdir()] == ["data.bin"]


def test_a_row_that_does_not_divide_the_page_may_be_torn(folder, warned):
    made = engine("flat", "a:q b:? c:d", folder)
    data_file(folder).write_bytes(struct.pack("<q?d", 1, True, 0.5) * 241 + b"\x01" * 16)
    assert len(made.read("ES", DAY)["a"]) == 241
    assert warned() >= 1
    made.append("ES", DAY, {"a": 2, "b": False, "c": 1.5})
    assert data_file(folder).stat().st_size == 17 * 242
    made.close()
