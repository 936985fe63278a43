"""`python -m chronolite` is the `chronolite` command."""

from chronolite.cli import main

if __name__ == "__main__":
    main()
