"""Music made on the fly: chords, drums, and a humming voice that a voice activity detector takes for speech."""

import io
import wave

import numpy as np

RATE_HZ = 16000
CHORDS = ((220.0, 261.6, 329.6), (174.6, 220.0, 261.6), (261.6, 329.6, 392.0), (196.0, 246.9, 293.7))
FORMANTS_HZ = (700.0, 1100.0, 2600.0)  # of an "ah"


def song(seconds: int, *, voice: bool = True, seed: int = 0) -> io.BytesIO:
    """A WAV file, 16 kHz mono."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        for bar in range(0, seconds, 2):
            samples = _bar(bar, min(2, seconds - bar), voice, np.random.default_rng(seed + bar))
            written.writeframes((samples * 9000).clip(-32767, 32767).astype("<i2").tobytes())
    file.seek(0)
    return file


def _bar(
    start_s: int, length_s: int, voice: bool, random: np.random.Generator
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    at_s = start_s + np.arange(length_s * RATE_HZ) / RATE_HZ
    chord = CHORDS[start_s // 2 % len(CHORDS)]
    beat = np.exp(-8 * (at_s % 0.5))
    mixed = sum(np.sign(np.sin(2 * np.pi * tone * at_s)) for tone in chord) * 0.3 * beat
    mixed = mixed + random.normal(size=at_s.size) * np.exp(-40 * ((at_s + 0.25) % 0.5)) * 0.6
    if voice:
        pitch = chord[int(random.integers(3))] * (1 + 0.01 * np.sin(2 * np.pi * 5.5 * at_s))
        phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
        harmonics = range(1, 16)
        for number in harmonics:
            loudness = sum(np.exp(-(((chord[0] * number - formant) / 250) ** 2)) for formant in FORMANTS_HZ)
            mixed = mixed + np.sin(number * phase) * (0.1 + loudness) * np.clip(np.sin(np.pi * (at_s % 1)), 0, 1)
    return np.asarray(mixed)
