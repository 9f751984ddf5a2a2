"""Models by modality; `zoo.registry` lists them."""
