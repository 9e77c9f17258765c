// The peer: a plain JsSIP phone, `alice` at the test switchboard.
import JsSIP from 'jssip';

const state = document.getElementById('state');
const call = document.getElementById('call');
const button = (name, press) => {
  const made = document.createElement('button');
  made.textContent = name;
  made.onclick = press;
  call.replaceChildren(made);
};
const ua = new JsSIP.UA({
  sockets: [new JsSIP.WebSocketInterface('ws://127.0.0.1:8080/')],
  uri: 'sip:alice@softphone.test',
  password: 'alicepw',
  session_timers: false,
});
ua.on('registered', () => {
  window.registeredAt ??= Date.now();
  state.textContent = 'registered';
});
ua.on('newRTCSession', ({ session, originator }) => {
  if (originator !== 'remote') return;
  session.on('peerconnection', ({ peerconnection }) => {
    peerconnection.ontrack = ({ track }) => {
      document.getElementById('ear').srcObject = new MediaStream([track]);
    };
  });
  for (const over of ['ended', 'failed']) session.on(over, () => call.replaceChildren());
  button('Answer', () => {
    session.answer({ mediaConstraints: { audio: true, video: false } });
    button('Hang up', () => session.terminate());
  });
});
ua.start();
