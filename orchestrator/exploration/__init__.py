"""What to ask next, and how far the topic is explored."""

from orchestrator.exploration.asks import Ask
from orchestrator.exploration.explorer import Explorer
from orchestrator.exploration.tuning import Traits

__all__ = ["Ask", "Explorer", "Traits"]
