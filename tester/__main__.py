"""`python -m tester`."""

from tester.cli import main

if __name__ == "__main__":
    main()
