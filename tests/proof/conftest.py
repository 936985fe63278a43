"""The last lines of a run are the figures of its tests."""

from tests.proof import sizes


def pytest_terminal_summary(terminalreporter):
    if sizes.lines():
        terminalreporter.section("figures")
    for line in sizes.lines():
        terminalreporter.write_line(line)
