from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.junit import document
from tester.scenario import Outcome

OUTCOMES = [
    Outcome("basic", passed=True, duration_s=1.25),
    Outcome("faults", passed=False, failure="lines: 3 were expected\nand <more> & more", folder="/kept", duration_s=2),
]


def _parsed(outcomes: list[Outcome]) -> ElementTree.Element:
    return ElementTree.fromstring(document(outcomes).encode())  # noqa: S314 - a document of our own


def test_each_scenario_is_a_test_case() -> None:
    """A suite holds a case for each scenario in order, with its time, and counts those that failed."""
    suite = _parsed(OUTCOMES).find("testsuite")
    assert suite is not None
    counts = [suite.get(name) for name in ("tests", "failures", "errors", "skipped", "time")]
    assert counts == ["2", "1", "0", "0", "3.250"]
    cases = [(case.get("classname"), case.get("name"), case.get("time")) for case in suite.findall("testcase")]
    assert cases == [("tester", "basic", "1.250"), ("tester", "faults", "2.000")]


def test_a_failure_has_its_message_and_where_things_are() -> None:
    """A failed case holds the whole failure, its first line as the message, and the folder; a passed one holds none."""
    passed, failed = _parsed(OUTCOMES).iter("testcase")
    failure = failed.find("failure")
    assert failure is not None
    assert failure.get("message") == "lines: 3 were expected"
    assert failure.text == OUTCOMES[1].failure
    assert "/kept" in (failed.findtext("system-out") or "")
    assert list(passed) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\0", "\\x00"),
        ("\ud800", "\\ud800"),
        ("\ufffe", "\\ufffe"),
        ("tab\tline\nend", "tab\tline\nend"),
        ("]]> </failure>", "]]> </failure>"),
        ("😀 ä", "😀 ä"),
    ],
)
def test_characters_that_xml_cannot_hold_are_escaped(text: str, shown: str) -> None:
    """Control characters and the like stand as escapes; all others come back as they were."""
    root = _parsed([Outcome("x", passed=False, failure=text)])
    assert root.findtext(".//failure") == shown


@given(name=st.text(), failure=st.text(), folder=st.none() | st.text())
def test_any_text_makes_a_document(name: str, failure: str, folder: str | None) -> None:
    """Whatever a failure holds, the document can be encoded and parsed."""
    outcomes = [Outcome(name, passed=False, failure=failure, folder=folder)]
    assert _parsed(outcomes).find(".//failure") is not None


def test_nothing_played_is_a_document_too() -> None:
    """Without outcomes the suite is empty."""
    suite = _parsed([]).find("testsuite")
    assert suite is not None
    assert suite.get("tests") == "0"


def test_what_was_not_finished_is_an_error() -> None:
    """Scenarios that were not played to their end stand as errors: a killed tester's report is not green."""
    suite = ElementTree.fromstring(document(OUTCOMES[:1], ["storm"]).encode()).find("testsuite")  # noqa: S314
    assert suite is not None
    assert [suite.get(name) for name in ("tests", "failures", "errors")] == ["2", "0", "1"]
    assert suite.find("testcase[@name='storm']/error") is not None
