import { svelte } from '@sveltejs/vite-plugin-svelte';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// With CUFFIA_BRIDGE=127.0.0.1:PORT the page served here speaks to a running `cuffia run --bridge`.
const bridge = process.env['CUFFIA_BRIDGE'];

export default defineConfig({
  root: here('.'),
  base: './',
  clearScreen: false,
  plugins: [svelte({ configFile: here('./svelte.config.js') })],
  server: {
    port: 1420,
    strictPort: true,
    ...(bridge ? { proxy: { '/engine': { target: `ws://${bridge}`, ws: true } } } : {}),
  },
  build: {
    outDir: here('./dist'),
    emptyOutDir: true,
    // WebKitGTK 2.40 and the oldest macOS web view that is still in use must be able to read it.
    target: ['es2022', 'safari16'],
    // Nothing inlined as data: the page's content security policy stays simple.
    assetsInlineLimit: 0,
  },
});
