"""Arms held against each other on the same virtual patients."""
