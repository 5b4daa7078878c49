"""Texts with their names replaced."""
