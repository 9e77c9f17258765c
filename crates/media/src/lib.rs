//! One WebRTC session: ICE, DTLS-SRTP, Opus and G.711 in RTP, jitter buffer, DTMF, statistics.
