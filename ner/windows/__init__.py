"""From words to the windows that an encoder sees."""
