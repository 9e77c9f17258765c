import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vite';

// One classic script beside a page, since a page from a file may load no module.
const here = import.meta.dirname;
const outDir = join(here, '../../../out/sound-peer');

export default defineConfig({
  root: here,
  define: { 'process.env.NODE_ENV': '"production"' },
  build: {
    outDir,
    emptyOutDir: true,
    lib: { entry: join(here, 'phone.js'), formats: ['iife'], name: 'bench', fileName: () => 'phone.js' },
  },
  plugins: [{ name: 'page', closeBundle: () => copyFileSync(join(here, 'phone.html'), join(outDir, 'phone.html')) }],
});
