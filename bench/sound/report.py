"""What the sound bench's calls say together.

    report.py CALLS.json [--no-docs]

Writes the section "sound" of bench/out/figures.json (its other sections stay), and, when asked, the part of docs/figures.md between
<!-- sound --> and <!-- /sound -->, with its plots in docs/figures/; for other codecs than Opus "sound-g722" and "sound-pcma", without
plots. Run in the repository's folder.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
from collections import defaultdict
from datetime import date

import matplotlib
import numpy as np
from figures import document, keep

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "cuffia"  # the same calls give the same file
import matplotlib.pyplot as plt

# What is compared: where it stands in a call, its name, its unit, and which way is better.
FIGURES = {
    "delay": ("mouth to ear, median", "ms", -1),
    "delayP95": ("mouth to ear, 95th percentile", "ms", -1),
    "delayRange": ("mouth to ear, range in a call", "ms", -1),
    "delayChanges": ("changes of delay in a call", "", -1),
    "pesq": ("PESQ-WB", "", 1),
    "plcmos": ("PLCMOS", "", 1),
    "plcmosDifference": ("PLCMOS against the clip's own", "", 1),
    "estoi": ("ESTOI", "", 1),
    "gapPercent": ("speech missing", "%", -1),
    "gain": ("gain", "dB", 0),
    "firstDelay": ("mouth to ear, first 5 s", "ms", -1),
    "firstPesq": ("PESQ-WB, first 5 s", "", 1),
    "cpuCaller": ("CPU, who speaks", "CPU-s a minute", -1),
    "cpuCallee": ("CPU, who listens", "CPU-s a minute", -1),
    "pssCallee": ("memory, who listens", "MB PSS", -1),
}
LOSSES = [("clean", 0), ("loss1", 1), ("loss5", 5), ("loss10", 10), ("loss20", 20), ("loss30", 30)]
COLOURS = {
    "ours": "#0b6e4f",
    "ours-plain": "#5fbf8f",
    "chromium": "#1f5fbf",
    "chromium-defaults": "#8fb7ee",
    "baresip": "#c4731a",
    "linphonec": "#8a3b8f",
}


def of_call(call):
    there = call["score"]["there"]
    found = {key: there.get(key) for key in FIGURES}
    found["firstDelay"], found["firstPesq"] = there["first"]["delay"], there["first"]["pesq"]
    found["cpuCaller"], found["cpuCallee"] = call["cpu"]["a"], call["cpu"]["b"]
    found["pssCallee"] = call["pss"]["b"]
    return {k: v for k, v in found.items() if v is not None}


def bootstrap(values, times=4000):
    """95 % interval of the mean of paired differences, by resampling the pairs; none with fewer than three."""
    if len(values) < 3:
        return None
    rng = np.random.default_rng(1)
    means = np.mean(rng.choice(values, (times, len(values))), axis=1)
    return [float(np.percentile(means, 2.5)), float(np.percentile(means, 97.5))]


def summary(values):
    return {
        "median": float(np.median(values)),
        "quartiles": [float(np.percentile(values, 25)), float(np.percentile(values, 75))],
        "range": [float(min(values)), float(max(values))],
        "each": [float(v) for v in values],
    }


def rows(calls):
    """For each condition and client, each figure's summary over the rounds."""
    found = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for call in calls:
        for key, value in of_call(call).items():
            found[call["condition"]][call["client"]][key].append(value)
    return {
        condition: {client: {k: summary(v) for k, v in figures.items()} for client, figures in clients.items()}
        for condition, clients in found.items()
    }


def comparisons(calls):
    """Ours less each peer, round by round under the same seed, for each condition and over "all". "better" or "worse" only where the interval leaves out zero."""
    by = {(c["condition"], c["client"], c["round"]): of_call(c) for c in calls}
    pairs = defaultdict(list)
    for (condition, client, turn), peer in by.items():
        if client.startswith("ours"):
            continue
        # The engine at its defaults beside a browser at its defaults; without processing beside who has none.
        ours = "ours" if client == "chromium-defaults" or (condition, "ours-plain", turn) not in by else "ours-plain"
        mine = by.get((condition, ours, turn))
        for key in FIGURES if mine else ():
            if key in mine and key in peer:
                for among in (condition, "all"):
                    pairs[among, ours, client, key].append(mine[key] - peer[key])
    out = []
    for (condition, ours, peer, key), differences in pairs.items():
        interval, way = bootstrap(differences), FIGURES[key][2]
        verdict = "not told apart"
        if interval and way and interval[0] * interval[1] > 0:
            verdict = "better" if np.sign(interval[0]) == way else "worse"
        out.append(
            {"condition": condition, "ours": ours, "peer": peer, "figure": key, "difference": float(np.mean(differences))}
            | {"interval": interval, "pairs": len(differences), "verdict": verdict}
        )
    return out


def said(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return next((line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()), None)


def packaged(name):
    version = said("dpkg-query", "-W", "-f=${Version}", name)
    return f"{name} {version}" if version else None


def machine():
    info = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", info)
    memory = int(re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) * 1024 / 1e9
    system = os.uname()
    return f"{os.cpu_count()} × {model[1] if model else 'processor'}, {memory:.0f} GB, Linux {system.release} {system.machine}"


def builds(calls):
    """Which commits our calls are of: a run that goes on may be of another than the one before."""
    of = [c.get("build", "one not noted") for c in calls if c["client"].startswith("ours")]
    return ", ".join(f"{of.count(build)} of commit {build}" for build in dict.fromkeys(of))


def versions(clients):
    jssip = json.loads(pathlib.Path("node_modules/jssip/package.json").read_text())["version"]
    used = {
        "ours": said("target/release/cuffia", "--version"),
        "chromium": f"{said('chromium', '--version')}, JsSIP {jssip}",
        "baresip": packaged("baresip-core"),
        "linphonec": packaged("linphone-cli"),
    }
    used = {k: v for k, v in used.items() if any(c.startswith(k) for c in clients)}
    pinned = pathlib.Path("bench/sound/requirements.txt").read_text().split()
    return used | {
        "soundServer": packaged("pulseaudio"),
        "switchboard": packaged("kamailio"),
        "scorers": ", ".join(p.replace("==", " ") for p in pinned if re.match("pesq|speechmos|pystoi|mcvqoe-base", p)),
    }


def number(value, key):
    digits = 2 if key in ("pesq", "plcmos", "plcmosDifference", "estoi", "firstPesq") else 1 if abs(value) < 20 else 0
    return f"{value:.{digits}f}".replace("-", "−")


def cell(figures, key):
    found = figures.get(key)
    if not found:
        return "–"
    low, high = found["range"]
    text = f"**{number(found['median'], key)}**"
    return text if len(found["each"]) == 1 else f"{text} ({number(low, key)} to {number(high, key)})"


def table(found, key, clients):
    out = [f"| condition | {' | '.join(clients)} |", "|---" * (len(clients) + 1) + "|"]
    for condition, of in found.items():
        out.append(f"| {condition} | {' | '.join(cell(of.get(c, {}), key) for c in clients)} |")
    return out


def loss_plot(found, clients, folder):
    have = [(condition, loss) for condition, loss in LOSSES if condition in found]
    if len(have) < 2:
        return None
    figure, axes = plt.subplots(figsize=(7, 3.6))
    for client in clients:
        points = [(loss, found[c][client]["pesq"]) for c, loss in have if "pesq" in found[c].get(client, {})]
        if not points:
            continue
        x, y = [p[0] for p in points], [p[1]["median"] for p in points]
        spread = [[v - p[1]["range"][0] for v, p in zip(y, points)], [p[1]["range"][1] - v for v, p in zip(y, points)]]
        axes.errorbar(x, y, spread, marker="o", markersize=4, capsize=3, color=COLOURS[client], label=client)
    axes.set(xlabel="packets lost at random, %", ylabel="PESQ-WB", ylim=(1, 4.7))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    return save(figure, folder / "loss.svg")


def delay_plot(calls, clients, folder):
    """Delay over the time of the first round's calls, one panel a condition."""
    first = [c for c in calls if c["round"] == min(c["round"] for c in calls)]
    have = [c for c in ("clean", "jitter20", "wifi24", "loss10", "burst10") if any(k["condition"] == c for k in first)]
    if not have:
        return None
    figure, panels = plt.subplots(1, len(have), figsize=(2.9 * len(have) + 1, 3.2), sharey=True, squeeze=False)
    for axes, condition in zip(panels[0], have):
        for call in first:
            if call["condition"] != condition:
                continue
            x, y = [], []
            for clip in call["score"]["there"]["clips"]:
                for begin, end, delay in clip["history"]:
                    x += [clip["at"] + begin, clip["at"] + end]
                    y += [delay, delay]
            axes.plot(x, y, color=COLOURS[call["client"]], linewidth=1.2, label=call["client"])
        axes.set(title=condition, xlabel="s")
        axes.grid(alpha=0.3)
    panels[0][0].set_ylim(bottom=0)  # after all is drawn, or it would fix the top too
    panels[0][0].set_ylabel("mouth to ear, ms")
    panels[0][0].legend(frameon=False, fontsize=7)
    return save(figure, folder / "delay.svg")


def save(figure, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return path


def written(section, calls):
    found, clients = section["conditions"], section["clients"]
    folder = pathlib.Path("docs/figures")
    *earlier, last = (command.removesuffix(" --") for command in section["command"].split("\n"))
    each = sorted({len(of[client]["delay"]["each"]) for of in found.values() for client in of if "delay" in of[client]})
    calls_each = "One call each" if each == [1] else f"{' or '.join(map(str, each))} calls each; of several the median (smallest to largest)"
    out = [
        "```",
        *earlier,
        f"{last}    # writes bench/out/figures.json and this part",
        "```",
        "",
        f"{calls_each}, {section['date']}, {section['codec']}.",
        "Both ends are the same client; clients took turns, under the same seed in each round. What A said and what B heard are in one",
        "recording on one clock. The first 5 s of each call are scored apart. `ours-plain` and `chromium` have their sound processing off.",
        "",
        f"- Machine: {section['machine']}.",
        f"- Versions: {'; '.join(v for v in section['versions'].values() if v)}.",
        *([f"- Calls of ours: {section['builds']}."] if section["builds"] else []),
        f"- {section['counted']} calls counted, {len(section['rejected'])} rejected"
        + "".join(f"; {r}" for r in dict.fromkeys(f"{r['condition']}, {r['client']}: {r['reason'][:100]}" for r in section["rejected"]))
        + ".",
        "",
    ]
    plain = section["codec"] != "opus"
    for plot, name in () if plain else ((loss_plot(found, clients, folder), "Loss against PESQ-WB"), (delay_plot(calls, clients, folder), "Delay over the time of a call")):
        if plot:
            out += [f"![{name}](figures/{plot.name})", ""]
    for key in ("delay", "pesq", "plcmos") if plain else ("delay", "delayRange", "pesq", "plcmos", "gapPercent", "firstPesq", "gain"):
        name, unit, _ = FIGURES[key]
        out += [f"### {name[0].upper() + name[1:]}{', ' + unit if unit else ''}", "", *table(found, key, clients), ""]
    if plain:
        return out
    out += ["### Cost over all conditions", "", f"| figure | {' | '.join(clients)} |", "|---" * (len(clients) + 1) + "|"]
    for key in ("cpuCaller", "cpuCallee", "pssCallee"):
        name, unit, _ = FIGURES[key]
        cells = []
        for client in clients:
            each = [v for of in found.values() for v in of.get(client, {}).get(key, {}).get("each", [])]
            cells.append(cell({key: summary(each)}, key) if each else "–")
        out.append(f"| {name}, {unit} | {' | '.join(cells)} |")
    out.append("")
    told = [c for c in section["comparisons"] if c["verdict"] != "not told apart" and c["figure"] in ("delay", "pesq", "plcmos", "gapPercent", "cpuCallee")]
    if told:
        out += ["### Where the difference is sure", ""]
        out += ["The 95 % interval of paired differences, ours less the peer, leaves out zero.", ""]
        out += ["| condition | figure | ours, peer | difference | interval | |", "|---|---|---|---|---|---|"]
        for c in told:
            low, high = (number(v, c["figure"]) for v in c["interval"])
            name = FIGURES[c["figure"]][0]
            out.append(f"| {c['condition']} | {name} | {c['ours']}, {c['peer']} | {number(c['difference'], c['figure'])} | {low} to {high} | {c['verdict']} |")
        out.append("")
    return out


def main():
    told = json.loads(pathlib.Path(sys.argv[1]).read_text())
    calls = told["calls"]
    if not calls:
        sys.exit("no call was worth counting; the reasons are in " + sys.argv[1])
    present = {c["client"] for c in calls}
    section = {
        **{"date": date.today().isoformat(), "command": told["command"], "machine": machine()},
        **{k: told[k] for k in ("rounds", "codec", "bothWays", "busy", "seed", "rejected")},
        "clients": [c for c in COLOURS if c in present],
        "versions": versions(present),
        "builds": builds(calls),
        "counted": len(calls),
        "conditions": rows(calls),
        "comparisons": comparisons(calls),
    }
    name = "sound" if told["codec"] == "opus" else f"sound-{told['codec']}"
    keep(name, section)
    if told["busy"]:
        print("docs/figures.md stays as it is: others used the machine (--busy)")
    elif "--no-docs" not in sys.argv:
        document(name, written(section, calls))


main()
