"""A trace as data: spans, their selection, and what can be asserted of them."""
