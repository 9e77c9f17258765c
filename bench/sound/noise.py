"""What noise suppression does to voices in noise.

    noise.py cuffia-noise [--no-docs]

NIST's voices with generated noises, through the chain of the microphone by the program given, scored by DNSMOS (P.835) as differences
from the input. Writes the section "noise" of bench/out/figures.json and the part of docs/figures.md between <!-- noise --> and
<!-- /noise -->. Run in the repository's folder.
"""

import json
import pathlib
import subprocess
import sys
import warnings
from datetime import date

import numpy as np
import soundfile
from clips import FS, spoken
from figures import document, keep
from scipy.signal import butter, lfilter, resample_poly, sosfilt

warnings.filterwarnings("ignore")
VOICES = ["M1", "F1", "F2", "M2"]
LEVEL_DBOV = -26.0
SNRS = [5, 15]
BEFORE_S = 3.0  # of noise alone: what the chain hears before the operator speaks
FORMS = ["none", "light", "strong"]


def pink(n, rng):
    # Kellet's filter: within half a decibel of -10 dB a decade above 10 Hz.
    b = [0.049922035, -0.095993537, 0.050612699, -0.004408786]
    a = [1, -2.494956002, 2.017265875, -0.522189400]
    return lfilter(b, a, rng.normal(size=n))


def fan(n, rng):
    """An extractor hood: pink noise and the hum of its motor."""
    t = np.arange(n) / FS
    hum = sum(np.sin(2 * np.pi * 50 * k * t + k) / k for k in range(1, 12))
    return pink(n, rng) * 8 + 0.5 * hum


def dishes(n, rng):
    """Bursts of ringing, three a second."""
    out, at = np.zeros(n), 0
    while at < n:
        t = np.arange(min(FS // 5, n - at)) / FS
        for _ in range(3):
            out[at : at + len(t)] += rng.uniform(0.3, 1) * np.exp(-t * rng.uniform(30, 90)) * np.sin(2 * np.pi * rng.uniform(900, 6_000) * t)
        at += int(rng.uniform(0.1, 0.6) * FS)
    return out


def keyboard(n, rng):
    """Strokes of keys, seven a second: clicks of noise in a small case."""
    out, at = np.zeros(n), 0
    band = butter(2, [700, 7_000], "bandpass", fs=FS, output="sos")
    while at < n:
        t = np.arange(min(FS // 20, n - at)) / FS
        out[at : at + len(t)] += rng.uniform(0.4, 1) * np.exp(-t * 250) * rng.normal(size=len(t))
        at += int(rng.uniform(0.06, 0.25) * FS)
    return sosfilt(band, out)


def people(n, rng):
    """Six voices at once behind a door: those of the clips, backwards so that none says what the operator says."""
    out = np.zeros(n)
    for k in range(6):
        voice = np.tile(spoken(VOICES[k % 4], LEVEL_DBOV)[::-1], 4)
        out += np.roll(voice, rng.integers(len(voice)))[:n]
    return sosfilt(butter(2, 2_500, "lowpass", fs=FS, output="sos"), out)


def street(n, rng):
    """Traffic: low noise that swells."""
    swell = 0.4 + 0.6 * np.abs(np.sin(2 * np.pi * np.arange(n) / FS / 7 + rng.uniform(0, 6)))
    return sosfilt(butter(2, 900, "lowpass", fs=FS, output="sos"), pink(n, rng)) * swell


NOISES = [fan, street, dishes, keyboard, people]


def make(folder):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    names = []
    for name in VOICES:
        x = np.concatenate([np.zeros(int(BEFORE_S * FS)), spoken(name, LEVEL_DBOV), np.zeros(FS // 10)])
        floor = rng.normal(0, 10 ** (-75 / 20), len(x))
        sounds = {("quiet", 0): floor}
        for noise in NOISES:
            n = noise(len(x), rng)
            for snr in SNRS:
                sounds[noise.__name__, snr] = floor + n * 10 ** ((LEVEL_DBOV - snr) / 20) / np.sqrt(np.mean(n**2))
        for (noise, snr), sound in sounds.items():
            names.append((f"{name}-{noise}-{snr}", noise, snr))
            soundfile.write(folder / f"{names[-1][0]}.wav", np.clip(x + sound, -1, 1), FS, subtype="PCM_16")
    return names


def score(path):
    from speechmos import dnsmos

    x, _ = soundfile.read(path)
    x = resample_poly(x[int(BEFORE_S * FS) :], 1, 3).astype(np.float32)
    told = dnsmos.run(np.clip(x, -1, 1), sr=16_000)
    return {key: float(told[f"{key}_mos"]) for key in ("ovrl", "sig", "bak")}


def row(name, of):
    cells = []
    for form in FORMS[1:]:
        cells += [f"{np.mean([o[form][k] - o['input'][k] for o in of]):+.2f}".replace("-", "−") for k in ("ovrl", "sig", "bak")]
    before = " / ".join(f"{np.mean([o['input'][k] for o in of]):.2f}" for k in ("ovrl", "sig", "bak"))
    return f"| {name} | {before} | {' / '.join(cells[:3])} | {' / '.join(cells[3:])} |"


def main():
    folder = pathlib.Path("bench/out/noise")
    names = make(folder)
    took = json.loads(subprocess.run([sys.argv[1], folder], check=True, capture_output=True, text=True).stdout)
    calls = []
    for n, (name, noise, snr) in enumerate(names):
        print(f"scoring {n + 1} of {len(names)}: {name}", file=sys.stderr)
        each = {form: score(folder / form / f"{name}.wav") for form in FORMS}
        calls.append({"noise": noise, "snr": snr, "input": score(folder / f"{name}.wav"), **each})
    noisy = [c for c in calls if c["noise"] != "quiet"]
    section = {"date": date.today().isoformat(), "took": took, "clips": calls}
    keep("noise", section)

    extra = {form: took[form]["meanUs"] - took["none"]["meanUs"] for form in FORMS}
    out = [
        "```",
        "npm run bench:noise    # writes bench/out/figures.json and this part",
        "```",
        "",
        f"DNSMOS P.835 of {len(VOICES)} voices of NIST's in generated noise (no recordings), {section['date']}: overall / speech / background, the input's own,",
        "then the difference to it. The chain is the product's on a headset, with gain; each clip has three seconds of noise before the voice.",
        "",
        "| noise, speech above it by | input | light (always on) | strong (noisy room) |",
        "|---|---|---|---|",
    ]
    for noise in [n.__name__ for n in NOISES]:
        for snr in SNRS:
            out.append(row(f"{noise}, {snr} dB", [c for c in calls if (c["noise"], c["snr"]) == (noise, snr)]))
    out += [
        row("**all noises**", noisy),
        row("quiet room", [c for c in calls if c["noise"] == "quiet"]),
        "| goal | – | – | overall +0.70, speech −0.10 |",
        "",
        f"What 10 ms of sound take: {took['none']['meanUs']:.0f} µs without noise suppression, {extra['light']:.0f} more with the light form, "
        f"{extra['strong']:.0f} with the strong (99th percentile of the whole chain {took['light']['p99Us']:.0f} and {took['strong']['p99Us']:.0f}); goal 300. "
        f"Delay of the chain: {took['none']['delayMs']:.0f}, {took['light']['delayMs']:.0f} and {took['strong']['delayMs']:.0f} ms.",
    ]
    print("\n".join(out))
    if "--no-docs" not in sys.argv:
        document("noise", out)


main()
