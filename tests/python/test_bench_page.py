"""benches/README.md is what the results say, and says why a target is missed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from comparison import page
from comparison.options import RESULTS


def test_the_page_is_that_of_the_results() -> None:
    made = page.render(RESULTS)
    assert page.PAGE.read_text(encoding="utf-8") == made
    assert all(title in made for title in ("## Codecs", "## Beside others"))


def test_files_that_the_page_names_are_there() -> None:
    named = re.findall(r"\]\((results[^)]*)\)", page.render(RESULTS))
    assert len(named) > 4
    assert all((page.PAGE.parent / name).exists() for name in named)


def test_each_missed_target_has_a_reason() -> None:
    assert "not known yet" not in page.render(RESULTS)


def test_control_another_result_makes_another_page(tmp_path: Path) -> None:
    shutil.copytree(RESULTS, tmp_path, dirs_exist_ok=True)
    newest = page.newest(tmp_path, "codec-*.json")
    assert newest
    text = newest.read_text(encoding="utf-8")
    other = re.sub(r'"bits": [\d.]+', '"bits": 63.21', text, count=1)
    newest.write_text(other.replace('"met": true', '"met": false', 1), encoding="utf-8")
    made = page.render(tmp_path)
    assert "63.21 / " in made
    assert made != page.render(RESULTS)
    # A run of less than everything is passed over.
    part = tmp_path / "compare-99991231-2359.json"
    part.write_text('{"options": {"scale": 0.1, "only": []}}', encoding="utf-8")
    assert page.render(tmp_path) == made
