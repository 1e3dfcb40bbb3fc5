"""What becomes of items beside being taken in: set aside, suggested as one, judged."""
