"""Results in the formats that other tools open."""
