/** Down from a field into the list below it, and through it; up again the same way. */
export function throughList(event: KeyboardEvent, list: string, field: string) {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  const links = [...document.querySelectorAll<HTMLElement>(list)];
  const at = links.indexOf(document.activeElement as HTMLElement);
  const next = links[at + (event.key === 'ArrowDown' ? 1 : -1)] ?? (at === 0 ? document.getElementById(field) : null);
  next?.focus();
  event.preventDefault();
}
