"""A trace as data: spans, their selection, and what can be asserted of them.

`Trace` indexes the spans of a run and `Trace.select` chooses some of them; the modules beside it assert: `causality`,
`lifecycle`, `completeness` and `conservation`. Every failure is a `CheckError` that ends with the spans it is about.
"""

from tester.trace.select import Spans
from tester.trace.span import Event, Link, Span
from tester.trace.trace import Trace

__all__ = ["Event", "Link", "Span", "Spans", "Trace"]
