const BARS = 250;
const WIDTH = 1000;
const MIDDLE = 50;
const HEIGHT = 46;

/** Peaks as bars of an SVG path in a 1000 × 100 box: upwards (-1) or downwards (1) from the middle. */
export function outline(peaks: readonly number[], way: 1 | -1): string {
  const bars = Math.min(BARS, peaks.length);
  const step = WIDTH / Math.max(1, bars);
  let path = '';
  for (let i = 0; i < bars; i++) {
    const from = Math.floor((i * peaks.length) / bars);
    const to = Math.max(from + 1, Math.floor(((i + 1) * peaks.length) / bars));
    let peak = 0;
    for (let k = from; k < to; k++) peak = Math.max(peak, peaks[k] ?? 0);
    // A square root, as the ear hears: quiet speech is still seen.
    const height = Math.max(0.8, Math.sqrt(Math.min(1, peak)) * HEIGHT) * way;
    path += `M${(i * step + step * 0.2).toFixed(1)} ${MIDDLE + way}v${height.toFixed(1)}h${(step * 0.6).toFixed(1)}v${(-height).toFixed(1)}z`;
  }
  return path;
}
