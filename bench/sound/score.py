"""Scores recordings of the sound bench.

    score.py reference DIR    makes reference.wav, said-back.wav and reference.json (where each clip stands) from NIST's clips
    score.py serve DIR        reads one JSON object a line: {"recording": PATH}; answers each with one line of JSON

A recording is raw, 16-bit little-endian, 48 kHz, four channels: said by A, heard by B, said by B, heard by A.
Delays are in ms, levels in dB, spans in samples at 48 kHz.
"""

import importlib.util
import json
import pathlib
import sys
import warnings

import numpy as np
import soundfile
from clips import FS, active_power, frames, package, spoken
from scipy.signal import resample_poly

warnings.filterwarnings("ignore")
# Warm-up first, which is scored apart; then each voice once.
ORDER = ["M1", "F1", "M1", "F2", "M2"]
# Never the same clip at the same time: an echo canceller would rightly take it for an echo.
ORDER_BACK = ["F2", "M2", "F2", "M1", "F1"]
GAP_S = 0.45
LEVEL_DBOV = -23.0
LONGEST_DELAY_S = 1.5
ALIKE = 0.6  # correlation of speech with what was heard of it
KNOWN = 0.3  # of a clip, whose delay must be known
CHANGE_MS = 4.0  # less is the estimator's own unrest


def its():
    """NIST's delay estimator, loaded alone."""
    spec = importlib.util.spec_from_file_location("its", package("mcvqoe") / "delay" / "ITS_delay.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ITS = its()


def db(power):
    return 10 * np.log10(np.maximum(power, 1e-12))


def make_reference(folder):
    folder.mkdir(parents=True, exist_ok=True)
    clips = {name: spoken(name, LEVEL_DBOV) for name in set(ORDER)}
    rng = np.random.default_rng(1)
    for file, order in (("reference", ORDER), ("said-back", ORDER_BACK)):
        gap = np.zeros(int(GAP_S * FS))
        parts, spans, at = [gap], [], len(gap)
        for name in order:
            parts += [clips[name], gap]
            spans.append({"clip": name, "from": at, "to": at + len(clips[name])})
            at += len(clips[name]) + len(gap)
        x = np.concatenate(parts)
        x += rng.normal(0, 10 ** (-80 / 20), len(x))  # a quiet room, never digital silence
        assert np.max(np.abs(x)) < 1
        soundfile.write(folder / f"{file}.wav", x, FS, subtype="PCM_16")
        (folder / f"{file}.json").write_text(json.dumps({"spans": spans, "seconds": len(x) / FS}))


def best_shift(long, short):
    """Where `short` stands in `long`, samples, and how sure (correlation)."""
    n = 1 << int(np.ceil(np.log2(len(long) + len(short))))
    c = np.fft.irfft(np.fft.rfft(long, n) * np.conj(np.fft.rfft(short, n)), n)[: max(1, len(long) - len(short) + 1)]
    k = int(np.argmax(np.abs(c)))
    part = long[k : k + len(short)]
    return k, float(abs(c[k]) / (np.linalg.norm(part) * np.linalg.norm(short) + 1e-9))


def history(said, heard):
    """Delay over one clip by ITS: [[begin and end of a segment, s from the clip's start; delay, ms], ...]. `heard` is longer by the
    longest delay. Mode u may take a delay that creeps for a fixed one; then mode v; then one delay by plain correlation."""
    x, y = resample_poly(said, 1, 6), resample_poly(heard, 1, 6)
    for mode in ("u", "v"):
        found = segments(x, y, mode)
        if sum(end - begin for begin, end, _ in found) > KNOWN * len(x) / 8000:
            return found
    at, sure = best_shift(y, x)
    return found or ([[0.0, len(x) / 8000, at / 8]] if sure > 0.1 else [])


def segments(x, y, mode):
    """ITS's segments at 8 kHz, without those that are silence, or not alike at the delay told: these are its guesses."""
    ends, delays = ITS.ITS_delay_est(x, y, mode, fs=8000, dlyBounds=[0, LONGEST_DELAY_S])
    ends, delays = np.atleast_1d(ends).astype(float), np.atleast_1d(delays).astype(float)
    if len(delays) == 1:
        ends = np.array([len(x)], float)
    loud = active_power(x, 160) * 10**-2.5
    found, begun = [], 0
    for end, delay in zip(ends, delays):
        begin, begun = begun, min(int(end), len(x))
        part = x[begin:begun]
        if len(part) < 160 or not np.isfinite(delay) or np.mean(part**2) < loud:
            continue
        if alike(x, y, begin, begun, int(delay), loud) > ALIKE:
            found.append([begin / 8000, begun / 8000, float(delay) / 8])
    return found


def alike(x, y, begin, end, delay, loud):
    """How alike 80 ms of speech and what was heard of it are, in the middle, within 8 ms of a delay (8 kHz). In short pieces and with
    some freedom, since a delay may creep and filters turn phases."""
    size, free = 640, 64
    found = []
    for at in range(begin, max(begin + 1, end - size // 2), size // 2):
        part = x[at : at + size]
        around = y[max(0, at + delay - free) : at + delay + len(part) + free]
        if len(around) < len(part) or np.mean(part**2) < loud:
            continue
        energy = np.convolve(around**2, np.ones(len(part)), "valid")
        found.append(np.max(np.abs(np.correlate(around, part, "valid")) / np.sqrt(energy * np.sum(part**2) + 1e-12)))
    return float(np.median(found)) if found else 0.0


def by_time(history_):
    """Delay at every 10 ms that a clip's history knows."""
    return [delay for begin, end, delay in history_ for _ in range(max(1, round((end - begin) * 100)))]


def course(history_, seconds):
    """Delay at every 10 ms of a clip; where it is not known, the last known."""
    out = np.full(int(seconds * 100) + 1, np.nan)
    for begin, end, delay in history_:
        out[int(begin * 100) : int(end * 100) + 1] = delay
    known = np.flatnonzero(np.isfinite(out))
    return out[known[np.maximum(0, np.searchsorted(known, np.arange(len(out)), "right") - 1)]] if len(known) else None


def gaps(said, heard, delay):
    """20 ms frames of speech, and those heard 30 dB more quietly than said even within 40 ms of their place."""
    size, step = FS // 50, FS // 100
    p = np.mean(frames(said, size) ** 2, axis=1)
    active = p > np.percentile(p, 95) * 10**-2.5
    if delay is None:
        return int(active.sum()), int(active.sum())
    lost = 0
    for i in np.flatnonzero(active):
        at = i * size + int(delay[min(i * 2, len(delay) - 1)] * FS / 1000)
        around = [np.mean(heard[max(0, at + k * step) : max(0, at + k * step) + size] ** 2) for k in (-4, -2, 0, 2, 4)]
        lost += db(np.nanmax(around)) < db(p[i]) - 30
    return int(lost), int(active.sum())


class Scorer:
    def __init__(self, folder):
        from pesq import pesq
        from pystoi import stoi
        from speechmos import plcmos

        self.pesq, self.stoi, self.plcmos = pesq, stoi, plcmos
        self.own = {}
        self.references = []
        for name in ("reference", "said-back"):
            x, _ = soundfile.read(folder / f"{name}.wav")
            self.references.append((x, json.loads((folder / f"{name}.json").read_text())["spans"]))
        x, spans = self.references[0]
        self.mos(resample_poly(x[spans[0]["from"] : spans[0]["to"]], 1, 3))  # the first takes long

    def mos(self, x16):
        return float(self.plcmos.run(np.clip(x16, -1, 1).astype(np.float32), sr=16_000)["plcmos"])

    def clip(self, name, said, heard):
        """Figures of one clip; `heard` begins where `said` does and is longer by the longest delay."""
        told = history(said, heard)
        delay = by_time(told)
        middle = float(np.median(delay)) if delay else 0.0
        k = int(middle * FS / 1000)
        there = heard[k : k + len(said)]
        there = np.pad(there, (0, len(said) - len(there)))
        a, b = resample_poly(said, 1, 3), resample_poly(there, 1, 3)
        lost, active = gaps(said, heard, course(told, len(said) / FS))
        if name not in self.own:
            self.own[name] = self.mos(a)
        try:
            quality = float(self.pesq(16_000, a, b, "wb"))
        except Exception:  # no utterance found in what was heard: silence
            quality = None
        mos = self.mos(b)
        return {
            "clip": name,
            "history": told,
            "delay": delay,
            "pesq": quality,
            "plcmos": mos,
            "plcmosDifference": mos - self.own[name],
            "estoi": float(self.stoi(a, b, 16_000, extended=True)),
            "gapMs": lost * 20,
            "activeMs": active * 20,
            "gain": float(db(active_power(there, FS // 50)) - db(active_power(said, FS // 50))),
        }

    def direction(self, said, heard, reference, spans):
        # The recording's own channel is the reference: what was said on the clock on which it was heard.
        # At the full rate: half a sample at a low one already looks like a break.
        at, sure = best_shift(said, reference)
        if sure < 0.95:
            return {"rejected": f"the reference was not played whole (correlation {sure:.2f})"}
        room = int(LONGEST_DELAY_S * FS)
        heard = np.pad(heard, (0, max(0, at + len(reference) + room - len(heard))))
        clips = []
        for span in spans:
            a, b = at + span["from"], at + span["to"]
            clips.append(self.clip(span["clip"], said[a:b], heard[a : b + room]) | {"at": span["from"] / FS})
        main = clips[1:]
        delay = [d for c in main for d in c["delay"]]
        changes = np.abs(np.diff([d for c in clips for *_, d in c["history"]]))
        mean = lambda key, of: None if any(c[key] is None for c in of) else float(np.mean([c[key] for c in of]))
        scores = lambda of: {k: mean(k, of) for k in ("pesq", "plcmos", "plcmosDifference", "estoi", "gain")} | {
            "gapMs": sum(c["gapMs"] for c in of),
            "gapPercent": 100 * sum(c["gapMs"] for c in of) / max(1, sum(c["activeMs"] for c in of)),
        }
        span = lambda d: {"delay": None, "delayP95": None, "delayRange": None} if not d else {
            "delay": float(np.median(d)),
            "delayP95": float(np.percentile(d, 95)),
            "delayRange": float(np.percentile(d, 99) - np.percentile(d, 1)),
        }
        if not delay:
            return {"rejected": "nothing was heard"}
        return {
            **span(delay),
            "delayChanges": int(np.sum(changes > CHANGE_MS)),
            **scores(main),
            "first": span(clips[0]["delay"]) | scores(clips[:1]),
            "clips": [
                {k: v for k, v in c.items() if k != "delay"} for c in clips
            ],
        }

    def score(self, job):
        y = np.fromfile(job["recording"], "<i2").astype(np.float64) / 32768
        y = y[: len(y) // 4 * 4].reshape(-1, 4)
        out = {"there": self.direction(y[:, 0], y[:, 1], *self.references[0])}
        if job.get("both"):
            out["back"] = self.direction(y[:, 2], y[:, 3], *self.references[1])
        return out


def main():
    command, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    if command == "reference":
        return make_reference(folder)
    scorer = Scorer(folder)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        try:
            answer = scorer.score(json.loads(line))
        except Exception as e:  # one call's, not the bench's, end
            answer = {"error": f"{type(e).__name__}: {e}"}
        print(json.dumps(answer), flush=True)


main()
