"""Says how fast customers are found, written and fetched: `report.py cuffia-customers-bench [--no-docs] [COUNT...]`."""

import json
import pathlib
import subprocess
import sys
from datetime import date

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "sound"))
from figures import document, keep  # noqa: E402

COUNTS = ["10000", "100000", "1000000"]
CARDS = "10000"
ARTICLES = "5000"
GOALS = {
    "number": "p99 1 ms",
    "one letter": "p95 30 ms",
    "three letters": "p95 30 ms",
    "two words": "p95 30 ms",
    "Cyrillic": "p95 30 ms",
    "Latin for Cyrillic": "p95 30 ms",
    "part of a number": "p95 30 ms",
    "customer": "–",
    "commit": "p99 20 ms",
}


def run(program, *arguments):
    told = subprocess.run([program, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout
    return [json.loads(line) for line in told.splitlines()]


def ms(value):
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def main():
    program, *rest = sys.argv[1:]
    counts = [a for a in rest if a.isdigit()] or COUNTS
    local = [run(program, count)[0] for count in counts]
    [sync] = run(program, "sync", CARDS)
    [articles] = run(program, "articles", ARTICLES)
    section = {"date": date.today().isoformat(), "local": local, "sync": sync, "articles": articles}
    keep("customers", section)
    names = " | ".join(f"{told['customers']:,}" for told in local)
    out = [
        "```",
        "npm run bench:customers    # writes bench/out/figures.json and this part",
        "```",
        "",
        f"Encrypted, {section['date']}, each of one process; names Italian, English, Russian, Ukrainian, Greek; 300 searches and 3,000 look-ups",
        "by number, of customers drawn at random. Milliseconds: median, 95th and 99th percentile.",
        "",
        f"| figure | {names} | goal |",
        "|---|" + "---|" * len(local) + "---|",
    ]
    for name, goal in GOALS.items():
        cells = [told["ms"][name] for told in local]
        cells = " | ".join(f"**{ms(c['p50'])}** {ms(c['p95'])} {ms(c['p99'])}" for c in cells)
        out.append(f"| {name} | {cells} | {goal} |")
    for name, key, form in [
        ("opening the file, ms", "openMs", "{:.0f}"),
        ("size on disk, MB", "sizeMb", "{:.0f}"),
        ("memory of the process, MB", "memoryMb", "{:.0f}"),
        ("made, a second", None, "{:,.0f}"),
    ]:
        cells = [form.format(told[key] if key else told["customers"] / told["fillS"]) for told in local]
        out.append(f"| {name} | {' | '.join(cells)} | – |")
    names = {"oneLetter": "one letter", "threeLetters": "three letters", "twoWords": "two words", "suggestion": "suggestions for a note"}
    found = {words: articles[key] for key, words in names.items()}
    out += [
        "",
        f"First fetch of {sync['cards']:,} cards from Radicale on this computer: {sync['cards'] / sync['fetchS']:.0f} a second, "
        f"{sync['share']:.2f} of what the same",
        f"adapter takes with nothing behind it (goal 0.8). Number look-ups meanwhile: 99th percentile {sync['lookP99Ms']:.1f} ms, slowest "
        f"{sync['lookSlowestMs']:.1f} (goal 5).",
        f"{sync['waiting']} new customers that had waited are sent in {sync['drainS']:.0f} s; the server and the adapter alone take {sync['bareDrainS']:.0f}.",
        "",
        f"Of {articles['articles']:,} articles of 350 words, found in (median, 95th and 99th percentile; goal 50 ms with the page): "
        + "; ".join(f"{words} {ms(p['p50'])}, {ms(p['p95'])}, {ms(p['p99'])} ms" for words, p in found.items())
        + f". They are taken in at {articles['articles'] / articles['madeS']:.0f} a second.",
    ]
    print("\n".join(out))
    if "--no-docs" not in rest:
        document("customers", out)


main()
