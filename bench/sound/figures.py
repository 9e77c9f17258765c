"""Where figures go: bench/out/figures.json, a section for each bench, and docs/figures.md, a part for each between its two marks."""

import json
import pathlib
import sys


def keep(name, section):
    """Writes a section of bench/out/figures.json; the others stay."""
    path = pathlib.Path("bench/out/figures.json")
    figures = json.loads(path.read_text()) if path.exists() else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures | {name: section}, indent=2, ensure_ascii=False) + "\n")
    print(f"written to {path}")


def document(name, lines):
    """Writes the part of docs/figures.md between <!-- name --> and <!-- /name -->."""
    path = pathlib.Path("docs/figures.md")
    text = path.read_text()
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if begin not in text or end not in text:
        sys.exit(f"{path} has no part between {begin} and {end}: put the two lines where the figures of {name} belong")
    before, rest = text.split(begin, 1)
    path.write_text(before + begin + "\n\n" + "\n".join(lines).strip() + "\n\n" + end + rest.split(end, 1)[1])
    print(f"written to {path}")
