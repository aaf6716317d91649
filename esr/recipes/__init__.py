"""params.yaml, checked: rows.py says what a row may hold, scale.py shrinks it, read.py reads the file."""
