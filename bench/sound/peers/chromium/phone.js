// The peer of the sound bench: JsSIP on Chromium's libwebrtc, driven by the bench through `window.phone`.
import JsSIP from 'jssip';

const ear = document.getElementById('ear');
let ua, session, connection, trouble;

function take(made) {
  session = made;
  session.on('failed', (e) => (trouble = e.cause));
  const heard = (peer) => {
    connection = peer;
    peer.ontrack = ({ track }) => (ear.srcObject = new MediaStream([track]));
  };
  if (session.connection) heard(session.connection);
  else session.on('peerconnection', ({ peerconnection }) => heard(peerconnection));
}

const once = (target, done, failed) =>
  new Promise((resolve, reject) => {
    target.on(done, () => resolve(true));
    for (const name of failed) target.on(name, (e) => reject(new Error(`${name}: ${e?.cause ?? ''}`)));
  });

/** The one report of this type and kind, and the sum it stands for. */
async function report(type) {
  const all = [...(await connection.getStats()).values()];
  return all.find((r) => r.type === type && r.kind === 'audio') ?? {};
}

window.phone = {
  /** Registers; `processing`: echo cancellation, noise suppression and gain control at the browser's defaults, or off. */
  async register(user, server, processing) {
    const off = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    window.options = {
      mediaConstraints: { audio: processing ? true : off, video: false },
      pcConfig: { iceServers: [] },
    };
    // A refusal shows here with its reason, which JsSIP would hide.
    for (const track of (await navigator.mediaDevices.getUserMedia(window.options.mediaConstraints)).getTracks())
      track.stop();
    const sockets = [new JsSIP.WebSocketInterface(server)];
    ua = new JsSIP.UA({ sockets, uri: `sip:${user}@softphone.test`, password: user, session_timers: false });
    ua.on('newRTCSession', (e) => take(e.session));
    const registered = once(ua, 'registered', ['registrationFailed']);
    ua.start();
    return registered;
  },
  call(user) {
    ua.call(`sip:${user}@softphone.test`, window.options);
  },
  trouble: () => trouble,
  rings: () => session?.direction === 'incoming' && !session.isEstablished(),
  answer: () => session.answer(window.options),
  hangUp: () => session.terminate(),
  /** Packets have come and gone. */
  async flows() {
    if (!connection) return false;
    return (await report('inbound-rtp')).packetsReceived > 0 && (await report('outbound-rtp')).packetsSent > 0;
  },
  /** What libwebrtc counted since the call began. */
  async counted() {
    const r = await report('inbound-rtp');
    const codec = (await connection.getStats()).get(r.codecId)?.mimeType;
    const keys = ['concealedSamples', 'silentConcealedSamples', 'concealmentEvents', 'totalSamplesReceived'].concat(
      ['jitterBufferDelay', 'jitterBufferEmittedCount', 'jitterBufferTargetDelay', 'packetsLost', 'packetsReceived'],
      ['removedSamplesForAcceleration', 'insertedSamplesForDeceleration', 'fecPacketsReceived', 'jitter'],
    );
    return { codec, ...Object.fromEntries(keys.map((k) => [k, r[k]])) };
  },
};
