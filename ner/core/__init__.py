"""Parameters, errors, files and speed: code that knows nothing about entities."""
