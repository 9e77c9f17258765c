// A phone on libwebrtc without a browser: JsSIP over @roamhq/wrtc. Plays a tone, answers calls, and prints one JSON object a line:
// registered, sending (an INVITE), confirmed, hold, unhold, ended, each with the time and by whom (local, remote), and twice a second
// what it hears (Hz by zero crossings, level in dBFS).
// Commands on standard input: call USER, hangup, hold, unhold.
import { createRequire } from 'node:module';
import readline from 'node:readline';
const require = createRequire(import.meta.url);
const wrtc = require('@roamhq/wrtc');
const { RTCAudioSource, RTCAudioSink } = wrtc.nonstandard;
const [user, password, hz] = process.argv.slice(2);
const say = (event, more = {}) => console.log(JSON.stringify({ event, at: Date.now(), ...more }));

const source = new RTCAudioSource();
const track = source.createTrack();
const stream = new wrtc.MediaStream([track]);
let phase = 0;
let due = performance.now();
setInterval(() => {
  for (; due < performance.now(); due += 10) {
    const samples = new Int16Array(480);
    for (let i = 0; i < 480; i++) {
      samples[i] = 12000 * Math.sin(phase);
      phase += (2 * Math.PI * Number(hz)) / 48000;
    }
    source.onData({ samples, sampleRate: 48000, bitsPerSample: 16, channelCount: 1, numberOfFrames: 480 });
  }
}, 5);

const { RTCPeerConnection, RTCSessionDescription, RTCIceCandidate, MediaStream } = wrtc;
Object.assign(globalThis, {
  RTCPeerConnection,
  RTCSessionDescription,
  RTCIceCandidate,
  MediaStream,
  window: globalThis,
});
globalThis.WebSocket ??= require('ws');
Object.defineProperty(globalThis, 'navigator', {
  value: { mediaDevices: { getUserMedia: async () => stream } },
  configurable: true,
});
const JsSIP = require('jssip');

const heard = { crossings: 0, samples: 0, square: 0, last: 0, rate: 48000 };
function listen(connection) {
  connection.addEventListener('track', ({ track }) => {
    const sink = new RTCAudioSink(track);
    sink.ondata = ({ samples, sampleRate, channelCount }) => {
      heard.rate = sampleRate;
      for (let i = 0; i < samples.length; i += channelCount) {
        const s = samples[i];
        if (heard.last < 0 && s >= 0) heard.crossings++;
        if (s !== 0) heard.last = s;
        heard.square += (s / 32768) ** 2;
        heard.samples++;
      }
    };
  });
}
setInterval(() => {
  const { crossings, samples, square, rate } = heard;
  if (!samples) return;
  const level = 10 * Math.log10(square / samples + 1e-12);
  say('heard', { hz: Math.round((crossings * rate) / samples), level: Math.round(level) });
  Object.assign(heard, { crossings: 0, samples: 0, square: 0 });
}, 500);

const options = { mediaStream: stream, mediaConstraints: { audio: true, video: false } };
let session;
const ua = new JsSIP.UA({
  sockets: [new JsSIP.WebSocketInterface('ws://127.0.0.1:8080/')],
  uri: `sip:${user}@softphone.test`,
  password,
  session_timers: false,
  register_expires: 120,
});
ua.on('registered', () => say('registered'));
ua.on('registrationFailed', ({ cause }) => say('registrationFailed', { cause }));
ua.on('newRTCSession', (e) => {
  session = e.session;
  if (session.connection) listen(session.connection);
  session.on('peerconnection', ({ peerconnection }) => listen(peerconnection));
  for (const name of ['sending', 'confirmed', 'hold', 'unhold', 'ended', 'failed'])
    session.on(name, (d) => say(name, { by: d?.originator, cause: d?.cause }));
  if (e.originator === 'remote') session.answer(options);
});
ua.start();

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const [command, target] = line.split(' ');
  if (command === 'call') ua.call(`sip:${target}@softphone.test`, options);
  else if (command === 'hangup') session?.terminate();
  else if (command === 'hold') session?.hold();
  else if (command === 'unhold') session?.unhold();
});
