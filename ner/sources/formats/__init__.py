"""Corpus formats: a module reads, and where we write it also writes, one of them."""
