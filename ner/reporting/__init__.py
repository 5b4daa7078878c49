"""Pages, figures and the model card."""
