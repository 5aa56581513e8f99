"""`python -m unsnarl` is the command line."""

from unsnarl.cli import main

if __name__ == "__main__":
    main()
