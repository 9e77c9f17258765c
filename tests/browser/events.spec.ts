import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from '@playwright/test';
import { Webhook } from 'standardwebhooks';
import { begin, nothingForAxe, press, test, type } from './engine';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

/** A program of the employer's that takes events. */
const withProgram = test.extend<{ hook: { address: string; heard: { headers: IncomingHttpHeaders; text: string }[] } }>(
  {
    hook: async ({}, use) => {
      const heard: { headers: IncomingHttpHeaders; text: string }[] = [];
      const server = createServer((request, response) => {
        let text = '';
        request.on('data', (part: Buffer) => (text += part.toString()));
        request.on('end', () => {
          heard.push({ headers: request.headers, text });
          response.writeHead(204).end();
        });
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      await use({ address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, heard });
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  },
);

withProgram(
  'a program is tried before it is told of calls, and can check who speaks',
  async ({ page, engine, hook }) => {
    await begin(page, engine);
    await press(page, page.getByRole('link', { name: 'Settings', exact: true }));
    const card = page.getByRole('region', { name: 'Telling your employer’s program about calls' });
    await expect(card.getByRole('button', { name: 'Save' })).toBeDisabled();
    await press(page, card.getByRole('radio', { name: 'Nobody' }), 'ArrowRight');
    await page.keyboard.press('ArrowRight');
    await expect(card.getByRole('radio', { name: /webhook/ })).toBeChecked();
    await type(page, card.getByLabel('Address for events'), hook.address);
    await type(page, card.getByLabel('Secret to sign with'), 'abc');
    await press(page, card.getByRole('button', { name: 'Try it' }));
    await expect(card.getByText('This secret is none.')).toBeVisible();
    await expect(card.getByLabel('Secret to sign with')).toBeFocused();
    await page.keyboard.press('Control+A');
    await page.keyboard.type(SECRET);
    await expect(card.getByText('This secret is none.')).toBeHidden();
    await press(page, card.getByRole('button', { name: 'Try it' }));
    await expect(card.getByText('It takes events.')).toBeVisible();
    expect(hook.heard).toHaveLength(1);
    const [{ headers, text }] = hook.heard as [{ headers: IncomingHttpHeaders; text: string }];
    const checked = new Webhook(SECRET).verify(text, headers as Record<string, string>) as { type: string };
    expect(checked.type).toBe('test');
    await nothingForAxe(page);

    await press(page, card.getByRole('button', { name: 'Save' }));
    await expect(card.getByLabel('Address for events')).toHaveAttribute('placeholder', 'at 127.0.0.1, as saved');
    await expect(card.getByLabel('Address for events')).toHaveValue('');
    await page.reload();
    await expect(card.getByRole('radio', { name: /webhook/ })).toBeChecked();
    expect(await page.content()).not.toContain('/hook');
    // And nobody again.
    await press(page, card.getByRole('radio', { name: /webhook/ }), 'ArrowRight');
    await press(page, card.getByRole('button', { name: 'Save' }));
    await expect(card.getByRole('button', { name: 'Save' })).toBeDisabled();
    await page.reload();
    await expect(card.getByRole('radio', { name: 'Nobody' })).toBeChecked();
  },
);
