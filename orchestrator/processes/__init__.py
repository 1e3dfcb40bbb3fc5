"""The seams to other processes: channels, process management, and the supervisor above both."""
