"""The tagger: model, device, precision, and the one decoder."""
