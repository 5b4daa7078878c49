"""The tests: `test_<module>.py` for each module, and end-to-end tests that run dvc."""
