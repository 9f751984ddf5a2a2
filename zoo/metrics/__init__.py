"""Arrays in, numbers out; and the judges, which are checkpoints named by data and pinned by sha256."""
