"""Imported by the fork server before anything else: what all producers inherit.

The vendors' SDKs are imported once, in the fork server; each producer is then a fork of it and starts in milliseconds.
Collecting garbage while thousands of classes are made only costs time (a tenth of the import), and collecting it in
the children would copy the pages that they share with the fork server.
"""

import gc

gc.disable()
