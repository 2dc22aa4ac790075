"""Tissue maps from images, label masks and drawn shapes; see `make`."""
