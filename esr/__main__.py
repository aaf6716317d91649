"""``python -m esr``."""

from esr.cli import main

if __name__ == "__main__":
    main()
