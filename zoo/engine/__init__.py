"""Fast inference: decoding loops that carry their state, without torch in the loop."""
