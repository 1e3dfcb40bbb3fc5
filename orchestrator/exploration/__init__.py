"""What to ask next, and how far the topic is explored."""

from orchestrator.exploration.explorer import STRATEGIES, Ask, Explorer, Traits

__all__ = ["STRATEGIES", "Ask", "Explorer", "Traits"]
