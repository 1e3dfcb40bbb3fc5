"""The filter that knows at once that an item is new."""
