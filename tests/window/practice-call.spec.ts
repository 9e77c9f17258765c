import { until } from './process';
import { Key, type Window } from './webdriver';
import { test } from './window';

/** From the first start to the talk with the customer, whose card is there before it is answered. */
async function takeCall(window: Window): Promise<void> {
  await (await window.control('button', 'Next')).type(Key.Enter);
  await (await window.control('button', 'Next')).type(Key.Enter);
  await (await window.control('button', 'Practise now')).type(Key.Enter);
  await (await window.control('button', 'Let them call')).type(Key.Enter);
  await window.control('button', 'Answer', 60);
  await window.shows('Hale Joinery Ltd');
  await window.press(Key.F9);
  await window.control('button', 'Hang up');
}

test('a practice call is answered by keyboard, heard both ways, registered and found in the list', async ({
  window,
  sound,
}) => {
  await takeCall(window);

  const speech: Buffer[] = [];
  const ear = sound.listen('headset_spk.monitor', (rms, piece) => {
    if (20 * Math.log10(rms) > -30) speech.push(Buffer.from(piece));
  });
  await until('two seconds of the customer’s voice in the headset', 60, async () => speech.length > 200);
  ear.stop();
  // Somebody who speaks: the customer's own words will do.
  const mouth = sound.play('headset_micfeed', Buffer.concat(speech));
  await window.shows('You spoke');
  mouth.stop();

  await (await window.control('textarea', 'Note')).type('It is invoice number 40827');
  await window.shows('Saved');
  const topic = await window.control('[role=combobox]', 'Topic');
  await topic.type('amount');
  await topic.type(Key.Enter);
  await (await window.control('[role=radio], input[type=radio]', 'Complaint')).type(Key.Space);
  await window.press(Key.F10);
  await window.shows('After the call');
  await window.press(Key.Control, Key.Enter);
  await window.shows('Registered');
  await (await window.control('button', 'Ready')).type(Key.Enter);
  await window.shows('Recent calls');
  await window.shows('Margaret Hale');
  await window.shows('Amount does not match');
});

test('the program that is closed in a call hangs up, and the call is kept with its draft', async ({ window }) => {
  await takeCall(window);
  await (await window.control('textarea', 'Note')).type('It is invoice number 40827');
  await window.shows('Saved');
  await window.restart();
  await (await window.control('a', 'Margaret Hale')).type(Key.Enter);
  await window.shows('You hung up');
  const note = `document.querySelector('textarea').value`;
  await until('the note', 20, async () => (await window.script<string>(`return ${note}`)).includes('40827'));
});
