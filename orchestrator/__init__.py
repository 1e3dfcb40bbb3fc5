"""The deciding process."""
