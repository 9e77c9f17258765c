"""Says how long a change of devices takes: `switches.py cuffia-switches [--no-docs]`."""

import json
import subprocess
import sys
from datetime import date

from figures import document, keep

CHANGES = 60


def percentile(values, share):
    return sorted(values)[min(len(values) * share // 100, len(values) - 1)]


def row(name, values, goal):
    cells = [f"**{percentile(values, 50):.0f}**", f"{percentile(values, 95):.0f}", f"{max(values):.0f}"]
    return f"| {name} | {' | '.join(cells)} | {goal} |".replace("-", "−")


def main():
    told = json.loads(subprocess.run([sys.argv[1], str(CHANGES)], check=True, stdout=subprocess.PIPE, text=True).stdout)
    section = {"date": date.today().isoformat(), **told}
    keep("switch", section)
    out = [
        "```",
        "npm run bench:switch    # writes bench/out/figures.json and this part",
        "```",
        "",
        f"{CHANGES} changes between two virtual headsets under a running call, {section['date']}, PulseAudio 16 with null sinks: from the choice",
        "until the other side is heard from the new loudspeaker, until the other side hears the new microphone, and how much later",
        "than the first time on the same device both ways together are two seconds afterwards, as the devices tell.",
        "",
        "| figure, ms | median | 95th percentile | longest | goal |",
        "|---|---|---|---|---|",
        row("heard from the new loudspeaker", told["earMs"], "p95 500"),
        row("the new microphone heard", told["microphoneMs"], "p95 500"),
        row("later than before", told["laterMs"], "settles"),
    ]
    print("\n".join(out))
    if "--no-docs" not in sys.argv:
        document("switch", out)


main()
