"""Imported by the fork server after everything else: see `preload`."""

import gc

import producer.main  # noqa: F401 - imported for the children to find it ready

gc.enable()
gc.freeze()
