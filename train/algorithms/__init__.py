"""Update rules: each owns its optimisers, so that one loop serves all models."""
