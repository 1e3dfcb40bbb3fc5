"""What counts as the same item, and the filter that knows at once that an item is new."""
