"""What ../shared/PROOF.md asks of the Python face: a short form in `make test`, the full one by
`make proof`, which writes the figures of each test to `results/`.
"""
