import { expect } from '@playwright/test';
import { begin, letThemCall, nothingForAxe, press, reach, takeCall, test, type } from './engine';

test('from the first start to the registered request, by keyboard alone', async ({ page, engine }) => {
  await begin(page, engine);
  await letThemCall(page);
  await expect(page.getByText('Margaret Hale').first()).toBeVisible();
  await expect(page.getByText('Hale Joinery Ltd').first()).toBeVisible();
  // The whole card, while it rings.
  const card = page.getByRole('region', { name: 'Customer', exact: true });
  for (const known of [/Product\s*Registro/, /Open promises\s*Send the guide/, /Last requests\s*\d+ \w+\s*\w+ · \w+/])
    await expect(card).toHaveText(known, { useInnerText: true });
  const status = page.getByRole('region', { name: 'Status' });
  await expect(status).toContainText('A call is ringing');
  await nothingForAxe(page);
  await page.screenshot({ path: 'test-results/ringing.png' });
  await page.keyboard.press('F9');
  await expect(page.getByRole('button', { name: /^Hang up/ })).toBeVisible();
  await expect(status).toContainText('In a call');
  await press(page, page.locator('summary', { hasText: 'Sound quality' }));
  await expect(page.getByRole('heading', { name: 'Where each millisecond goes' })).toBeVisible();
  // Only the room scrolls: where the window itself can, the focus far down moves its head out of sight.
  await reach(page, page.getByRole('button', { name: /^Register/ }));
  expect(await page.evaluate('document.documentElement.scrollHeight - innerHeight')).toBe(0);
  await nothingForAxe(page);
  await type(page, page.getByRole('combobox', { name: 'Topic' }), 'amount');
  await page.keyboard.press('Enter');
  // The topic was chosen with its detail: the note is next.
  await expect(page.getByLabel('Note')).toBeFocused();
  await page.keyboard.type('It is invoice number 40827');
  await expect(page.getByText('Saved', { exact: true })).toBeVisible();
  await nothingForAxe(page);
  await page.screenshot({ path: 'test-results/in-call.png' });
  await reach(page, page.getByRole('radio', { name: /Consultation/ }));
  for (const key of ['Space', 'ArrowDown', 'ArrowDown']) await page.keyboard.press(key);
  await expect(page.getByRole('radio', { name: /Complaint/ })).toBeChecked();
  await page.keyboard.press('F10');
  await expect(page.getByText('After the call')).toBeVisible();
  // Time to look around.
  for (let i = 0; i < 4; i++) await page.keyboard.press('e');
  await page.screenshot({ path: 'test-results/wrap-up.png' });
  await nothingForAxe(page);
  await press(page, page.getByRole('button', { name: /^Register/ }));
  await expect(page.getByText('Registered', { exact: true })).toBeVisible();
  await expect(page.getByText('You hung up on the customer')).toBeVisible();
  await nothingForAxe(page);
  await press(page, page.getByRole('button', { name: 'Ready', exact: true }));
  await expect(page.getByText('Recent calls')).toBeVisible();
  await expect(page.getByText('Margaret Hale').first()).toBeVisible();
  await expect(page.getByText('Amount does not match').first()).toBeVisible();
  await page.screenshot({ path: 'test-results/list.png' });
  await nothingForAxe(page);
});

test('axe finds nothing in the first start and in any room, in either theme', async ({ page, engine }) => {
  await page.goto(engine);
  for (const title of ['How should it look?', 'Your headset', 'How do you want to begin?']) {
    await expect(page.getByRole('heading', { name: title })).toBeVisible();
    await nothingForAxe(page);
    if (title !== 'How do you want to begin?') await press(page, page.getByRole('button', { name: 'Next' }));
  }
  await press(page, page.getByRole('button', { name: /Practise now/ }));
  for (const room of ['Calls', 'Customers', 'Knowledge', 'Practice', 'Settings']) {
    await press(page, page.getByRole('link', { name: room, exact: true }));
    await expect(page.getByRole('link', { name: room, exact: true })).toHaveAttribute('aria-current', 'page');
    if (room === 'Customers') await expect(page.getByRole('link', { name: /Ltd/ }).first()).toBeVisible();
    await nothingForAxe(page);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: `test-results/${room}-${colorScheme}.png` });
    }
  }
});

test('the rooms’ inner pages, the keypad and the sheet of shortcuts by keyboard, and axe finds nothing there', async ({
  page,
  engine,
}) => {
  await begin(page, engine);
  await takeCall(page);
  const conversation = page.getByRole('region', { name: 'Conversation' });
  await expect(conversation.getByRole('listitem').first()).toContainText(/\w/);
  await page.keyboard.press('m');
  await expect(page.getByRole('button', { name: 'Unmute' })).toBeVisible();
  await page.keyboard.press('m');
  await page.keyboard.press('h');
  await expect(page.getByText('On hold').first()).toBeVisible();
  await nothingForAxe(page);
  await page.keyboard.press('h');
  await expect(page.getByText('On the phone')).toBeVisible();
  await page.keyboard.press('k');
  await page.keyboard.type('5#');
  await expect(page.getByText('Sent: 5#')).toBeVisible();
  await nothingForAxe(page);
  await page.keyboard.press('Escape');
  await expect(page.getByRole('group', { name: 'Keypad' })).toBeHidden();
  await page.keyboard.press('3');
  await expect(page.getByRole('radio', { name: /Complaint/ })).toBeChecked();
  await page.keyboard.press('Shift+Escape');
  await expect(page.getByText('After the call')).toBeVisible();
  await page.keyboard.press('r');

  await press(page, page.getByRole('link', { name: /Margaret Hale/ }));
  const position = page.getByRole('slider', { name: 'Position in the recording' });
  await press(page, position, 'End');
  await expect(position).not.toHaveAttribute('aria-valuetext', /^0:00/);
  // What was said is kept, and each line leads to its sound.
  const end = Number(await position.getAttribute('aria-valuemax'));
  await press(page, conversation.getByRole('button', { name: /^Play from/ }).first());
  await expect(page.getByRole('button', { name: 'Stop', exact: true })).toBeVisible();
  expect(Number(await position.getAttribute('aria-valuenow'))).toBeLessThan(end);
  await nothingForAxe(page);
  await press(page, page.getByRole('link', { name: 'Margaret Hale' }));
  await expect(page.getByRole('heading', { name: 'Time line' })).toBeVisible();
  await expect(page.getByRole('link', { name: /Draft left/ })).toBeVisible();
  await nothingForAxe(page);

  await page.keyboard.press('Alt+4');
  await expect(page.getByText('You hung up on the customer')).toBeVisible();
  await nothingForAxe(page);
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible();
  await nothingForAxe(page);
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();
});

test('the switchboard is connected by keyboard, and what is wrong is said without losing what was typed', async ({
  page,
  engine,
}) => {
  await page.goto(engine);
  await press(page, page.getByRole('button', { name: 'Next' }));
  await expect(page.getByRole('heading', { name: 'Your headset' })).toBeVisible();
  await press(page, page.getByRole('button', { name: 'Next' }));
  await press(page, page.getByRole('button', { name: /Connect my switchboard/ }));
  await type(page, page.getByLabel('Address'), 'ws://127.0.0.1:9/');
  await type(page, page.getByLabel('Extension'), '204');
  await type(page, page.getByLabel('Password'), 'secret');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('alert').filter({ hasText: 'does not accept connections' })).toBeVisible();
  await expect(page.getByLabel('Address')).toHaveValue('ws://127.0.0.1:9/');
  await expect(page.getByLabel('Extension')).toHaveValue('204');
  await nothingForAxe(page);
});
