import { expect } from '@playwright/test';
import { asked, begin, reach, takeCall, test } from './engine';

test('what was typed in a call is there again after the page is loaded anew', async ({ page, engine }) => {
  await begin(page, engine);
  await takeCall(page);
  await page.getByLabel('Note').fill('Invoice 40827, off by twelve pounds');
  await page.getByRole('radio', { name: /Complaint/ }).press('Space');
  await expect(page.getByText('Saved', { exact: true })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('button', { name: /^Hang up/ })).toBeVisible();
  await expect(page.getByLabel('Note')).toHaveValue('Invoice 40827, off by twelve pounds');
  await expect(page.getByRole('radio', { name: /Complaint/ })).toBeChecked();
});

test('a request registered in a call stays registered after the page is loaded anew', async ({ page, engine }) => {
  await begin(page, engine);
  await takeCall(page);
  await page.getByLabel('Note').fill('Invoice 40827');
  await page.getByRole('radio', { name: /Complaint/ }).press('Space');
  await page.getByRole('combobox', { name: 'Topic' }).fill('amount');
  await page.getByRole('combobox', { name: 'Topic' }).press('Enter');
  await page.getByLabel('Note').press('Control+Enter');
  await expect(page.getByText('Registered', { exact: true })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('button', { name: /^Hang up/ })).toBeVisible();
  await expect(page.getByText('Registered', { exact: true })).toBeVisible();
  await expect(page.getByText('Invoice 40827')).toBeVisible();
  await expect(page.getByLabel('Note')).toHaveCount(0);
  await page.keyboard.press('F10');
  await expect(page.getByText('After the call')).toBeVisible();
  await expect(page.getByText('Registered', { exact: true })).toBeVisible();
});

test('each key stroke is written down at once, and is there after the engine was killed', async ({
  page,
  engine,
  program,
}) => {
  const commands = asked(page);
  await begin(page, engine);
  await takeCall(page);
  await reach(page, page.getByLabel('Note'));
  // One key after the other, each on its way before the next: none waits for a pause in typing.
  for (const two of ['40', '82']) {
    await page.keyboard.type(two);
    await expect(page.getByText('Saved', { exact: true })).toBeVisible();
  }
  const notes = commands
    .filter((c) => c.command === 'save_draft')
    .map((c) => (c.arguments as { draft: { note: string } }).draft.note);
  expect(notes).toEqual(expect.arrayContaining(['4', '40', '408', '4082']));

  await program.end('SIGKILL');
  await page.goto(await program.start());
  await page.getByRole('link', { name: /Margaret Hale/ }).click();
  await expect(page.getByText('The program was stopped')).toBeVisible();
  await expect(page.getByLabel('Note')).toHaveValue('4082');
  await expect(page.getByRole('slider', { name: 'Position in the recording' })).toBeVisible();
});

test('a snapshot that is refused is asked for again: the window never stands still', async ({ page, engine }) => {
  let refused = false;
  await page.routeWebSocket(/\/engine/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((text) => {
      const { id, command } = JSON.parse(String(text)) as { id: number; command: string };
      if (command === 'snapshot' && !refused) {
        refused = true;
        socket.send(JSON.stringify({ id, error: { code: 'store.busy', message: 'The database is busy.' } }));
      } else server.send(text);
    });
  });
  await page.goto(engine);
  await expect(page.getByRole('button', { name: 'Next' })).toBeVisible();
  expect(refused).toBe(true);
});
