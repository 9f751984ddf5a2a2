"""Training: one loop on Accelerate, an update rule an algorithm, a recipe a model."""
