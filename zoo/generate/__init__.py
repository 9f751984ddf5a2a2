"""What a person typed -> what a person sees or hears; no gradio, and torch only inside functions."""
