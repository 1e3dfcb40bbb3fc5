"""Logging (and later tracing) set-up, once for each process."""
