"""What the small events beside the main work have in common."""

QUIET = {"show_progress": "hidden", "api_visibility": "private", "trigger_mode": "always_last"}
"""Arguments of such an event. Gradio drops an event whose like is still under way; the last one must never be lost: it
is the file that was just uploaded, or the place that is on the screen now."""
