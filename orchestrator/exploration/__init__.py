"""What to ask next, and how far the topic is explored."""

from orchestrator.exploration.explorer import Ask, Explorer, Traits

__all__ = ["Ask", "Explorer", "Traits"]
