import type { Theme } from '../engine/bindings';

const dark = matchMedia('(prefers-color-scheme: dark)');
const contrast = matchMedia('(prefers-contrast: more)');

function resolve(theme: Theme): Exclude<Theme, 'system'> {
  if (theme !== 'system') return theme;
  if (contrast.matches) return 'contrast';
  return dark.matches ? 'dark' : 'light';
}

/** Puts the look on <html> and keeps it there when the system's own changes. */
export function followTheme(theme: () => Theme) {
  $effect(() => {
    const wanted = theme();
    const apply = () => (document.documentElement.dataset['theme'] = resolve(wanted));
    apply();
    dark.addEventListener('change', apply);
    contrast.addEventListener('change', apply);
    return () => {
      dark.removeEventListener('change', apply);
      contrast.removeEventListener('change', apply);
    };
  });
}
