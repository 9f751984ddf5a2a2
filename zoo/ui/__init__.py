"""The app: one tab a file, and the only place that imports gradio. Handlers are thin calls of `zoo.generate`.

gradio reads its environment when it is imported, so what we want of it is said here, before any tab is.
"""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "50")  # the queue keeps this many records, not all for ever
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
