"""Blocks that two or more models use identically."""
