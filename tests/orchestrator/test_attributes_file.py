"""Lines of attributes.txt."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archive.filesystem import FileSystem, MemoryFileSystem, RealFileSystem
from orchestrator.store.attributes_file import AttributesFile, blocks_of_lines, clean_line
from tests.orchestrator.store_cases import read_bytes


@pytest.fixture(params=["real", "memory"])
def files(request: pytest.FixtureRequest) -> FileSystem:
    """Both file systems."""
    return RealFileSystem() if request.param == "real" else MemoryFileSystem()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Eiffel Tower", "Eiffel Tower"),
        (" two\nlines\r\n", "two lines"),
        ("tab\tand\x00null", "tab and null"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x", "x"),
        ("a\u2028b\u2029c\x85d", "a b c d"),
        ("\u202eevil", "evil"),
        ("\ufeffx", "x"),
        ("\ud83d\ude00", "😀"),
        ("\ud800", "\ufffd"),
        ("👩‍💻", "👩‍💻"),
        ("می‌خواهم", "می‌خواهم"),
        ("\n \x07", ""),
    ],
)
def test_a_line_is_made_safe(text: str, line: str) -> None:
    """Line breaks, controls, escape sequences and turned directions go; joiners of scripts and emoji stay."""
    assert clean_line(text) == line


@given(st.text(alphabet=st.characters(), max_size=30))
@example("\u202e \u202e")
@example("\x1b\x1b[0m[1m")
@example("\x1b[\u202e0mx")
def test_a_clean_line_is_one_line_and_stays_so(text: str) -> None:
    """Whatever comes in, a line has no line break, can be encoded, and is not changed by cleaning it again."""
    line = clean_line(text)
    assert line.encode().decode().splitlines() in ([line], [])
    assert line == line.strip()
    assert clean_line(line) == line


def test_lines_are_written_in_blocks() -> None:
    """Many lines become few writes, and no line is lost between them."""
    lines = [f"{number:0100}" for number in range(10_000)]
    blocks = list(blocks_of_lines(lines))
    assert 1 < len(blocks) < 10
    assert sum(count for _, count in blocks) == 10_000
    assert b"".join(block for block, _ in blocks).decode().split() == lines


def test_append(files: FileSystem, tmp_path: Path) -> None:
    """Lines go to the end; the size is known."""
    file = AttributesFile(tmp_path / "a.txt", files)
    assert file.append(["one", "zwö"]) == 2
    assert file.append([]) == 0
    file.close()
    file = AttributesFile(tmp_path / "a.txt", files)
    assert file.size == 9
    file.append(["three"])
    file.close()
    assert read_bytes(files, tmp_path / "a.txt") == "one\nzwö\nthree\n".encode()


def test_a_failed_append_leaves_no_torn_line(tmp_path: Path) -> None:
    """If the disk fills up in the middle of a line, the file is cut back to whole lines."""
    files = MemoryFileSystem()
    file = AttributesFile(tmp_path / "a.txt", files)
    file.append(["one"])
    files.fail_after_bytes(6)
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the number is the meaning
        file.append(["two", "three"])
    assert caught.value.errno == errno.ENOSPC
    assert read_bytes(files, tmp_path / "a.txt") == b"one\n"
