"""What knows nothing of entities: parameters, errors, files, speed."""
