"""Parameters from published data: approximate Bayesian computation on the sweep runner."""
