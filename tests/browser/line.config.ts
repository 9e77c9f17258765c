import { defineConfig } from '@playwright/test';
import page from './playwright.config';

/** The page on a line to a real switchboard, whose ports are fixed: under `scripts/isolated`. */
export default defineConfig({ ...page, testDir: 'line', testIgnore: [] });
