"""A producer: a child process that turns orders into LLM calls and streams the items back. It decides nothing."""
