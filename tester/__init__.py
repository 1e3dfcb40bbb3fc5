"""The tester: starts the real processes from outside, collects what they did, and asserts."""
