/** Longer than the engine and a list that is read anew take: frames of the screen. */
const FRAMES = 120;

/**
 * What had the focus goes with what was done: to what comes next among its like, or to the last, or to the heading of the page. Waits for
 * it to be gone.
 */
export async function goOn(like: string, from: HTMLElement, done: Promise<unknown>): Promise<void> {
  const all = () => [...document.querySelectorAll<HTMLElement>(like)];
  const at = all().indexOf(from);
  await done;
  for (let frame = 0; frame < FRAMES && from.isConnected; frame++) await new Promise(requestAnimationFrame);
  if (from.isConnected) return;
  const next = all()[at] ?? all().at(-1);
  if (next) return next.focus();
  const heading = document.querySelector<HTMLElement>('h1');
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus();
}
