"""The lobule in the browser: watch it, question it, treat it. Needs ``pip install 'lobule[view]'``."""
