"""Outcomes as JUnit XML, as pytest writes it and GitLab, Jenkins and others read it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from tester.scenario import SPANS_FILE, Outcome

_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even escaped."""
_CLASS = "tester"


def document(outcomes: Sequence[Outcome], unfinished: Sequence[str] = ()) -> str:
    r"""One test suite with a test case for each scenario.

    Args:
        outcomes: In the order in which they were played.
        unfinished: Names of scenarios that have not been played to their end; they stand as errors.

    Returns:
        A whole XML document. Characters that XML cannot hold stand as `\x1b` or `\ud800`.
    """
    failures = sum(not outcome.passed for outcome in outcomes)
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(
        suites,
        "testsuite",
        name=_CLASS,
        tests=str(len(outcomes) + len(unfinished)),
        failures=str(failures),
        errors=str(len(unfinished)),
        skipped="0",
        time=_seconds(sum(outcome.duration_s for outcome in outcomes)),
    )
    for outcome in outcomes:
        _add(suite, outcome)
    for name in unfinished:
        case = ElementTree.SubElement(suite, "testcase", classname=_CLASS, name=_escaped(name), time=_seconds(0.0))
        ElementTree.SubElement(case, "error", message="not finished: the tester was ended before")
    ElementTree.indent(suites)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(suites, encoding="unicode")}\n'


def _add(suite: ElementTree.Element, outcome: Outcome) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname=_CLASS, name=_escaped(outcome.name), time=_seconds(outcome.duration_s)
    )
    if not outcome.passed:
        first, *_ = outcome.failure.splitlines() or ["failed"]
        ElementTree.SubElement(case, "failure", message=_escaped(first)).text = _escaped(outcome.failure)
    if outcome.folder is not None:
        kept = f"files and logs: {outcome.folder}\nspans: {outcome.folder}/{SPANS_FILE}"
        ElementTree.SubElement(case, "system-out").text = _escaped(kept)


def _seconds(value: float) -> str:
    return f"{value:.3f}"


def _escaped(text: str) -> str:
    return _NOT_XML.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
