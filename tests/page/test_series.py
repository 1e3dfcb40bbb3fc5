from __future__ import annotations

import pytest
from playwright.sync_api import Page

_RATES = """
async ({buckets, loaded, began}) => {
  const { Series } = await import("/static/series.js");
  const series = new Series(600);
  series.load({ buckets: buckets.slice(0, loaded), bucket_s: 1 });
  for (const bucket of buckets.slice(loaded)) series.push(bucket.at + 1, bucket.unique, began);
  return { at: series.at, rate: series.rate };
}
"""
_BEGAN = 1_790_000_000


def _buckets(seconds: int) -> list[dict[str, int]]:
    """A run that finds much at first, little later, and nothing now and then."""
    buckets, unique = [], 0
    for second in range(seconds):
        new = 0 if second % 7 == 3 else 300 // (second + 2) + second % 5
        unique += new
        buckets.append({"at": _BEGAN + second, "new": new, "unique": unique})
    return buckets


@pytest.mark.parametrize("loaded", [1, 20, 60, 119])
def test_the_rate_is_one_mean_on_disk_and_live(page: Page, loaded: int) -> None:
    """What came live has the rates that the history has when the page is loaded anew, across the seam too."""
    buckets = _buckets(120)
    page.goto("/")
    whole, joined = (
        page.evaluate(_RATES, {"buckets": buckets, "loaded": number, "began": _BEGAN}) for number in (120, loaded)
    )
    assert joined["at"] == whole["at"]
    assert joined["rate"] == pytest.approx(whole["rate"])
    new = [bucket["new"] for bucket in buckets]
    assert joined["rate"][-1] == pytest.approx(60 * sum(new[-30:]) / 30)
