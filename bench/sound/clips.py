"""NIST's Harvard clips, and how loud speech is."""

import importlib.util
import pathlib

import numpy as np
import soundfile

FS = 48_000


def package(name):
    """Folder of an installed package, without importing it: NIST's want a sound card."""
    return pathlib.Path(importlib.util.find_spec(name).submodule_search_locations[0])


def frames(x, size):
    return x[: len(x) // size * size].reshape(-1, size)


def active_power(x, size):
    """Mean power of the frames within 25 dB of the loudest twentieth."""
    p = np.mean(frames(x, size) ** 2, axis=1)
    return np.mean(p[p > np.percentile(p, 95) * 10**-2.5])


def spoken(name, dbov):
    """A clip at a level of its active speech."""
    x, fs = soundfile.read(package("mcvqoe") / "mouth2ear" / "audio_clips" / f"{name}_harvard_phrases.wav")
    assert fs == FS
    return x * 10 ** (dbov / 20) / np.sqrt(active_power(x, FS // 50))
