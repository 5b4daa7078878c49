"""The nouns that the stages share; imports go one way, from `errors` upwards."""
