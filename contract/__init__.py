"""What crosses a process boundary, and nothing else: messages, the error tree, the version."""
