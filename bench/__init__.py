"""Measurements of speed and memory; nothing that ships imports them."""
