"""Topic folders as they are read: their names, their format, their items. Written by the orchestrator alone."""
