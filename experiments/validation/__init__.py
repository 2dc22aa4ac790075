"""Published experiments run with the model: simulated beside published."""
