"""One recipe a model; the file's name is the model's name."""
