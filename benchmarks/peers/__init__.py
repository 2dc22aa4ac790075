"""What the lobule is measured against: the same arithmetic in other hands."""
