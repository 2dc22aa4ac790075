"""The best schedule of treatments under limits: searched by NSGA-II, checked with fresh patients."""
