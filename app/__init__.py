"""The page: bytes in, boundaries on the screen. The only place that knows Gradio and Plotly."""
