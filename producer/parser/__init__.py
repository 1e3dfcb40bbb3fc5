"""From a model's streamed answer to list items. `ItemParser` is the only way in."""

from producer.parser.items import ItemParser, Parsed
from producer.parser.reasons import Reason

__all__ = ["ItemParser", "Parsed", "Reason"]
