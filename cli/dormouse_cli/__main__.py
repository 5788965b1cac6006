"""`python -m dormouse_cli`: the same as `dormouse`."""

from dormouse_cli.main import main

if __name__ == "__main__":
    main()
