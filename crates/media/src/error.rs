//! What can go wrong with the voice of a call, in words a person can act on.

/// A media session could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// The far end offers plain RTP or SDES; only DTLS-SRTP is spoken here.
    #[error("the far end does not encrypt with DTLS-SRTP")]
    NoDtls,
    /// The far end has DTLS but no ICE, so there is no way to reach it through a firewall.
    #[error("the far end does not speak ICE")]
    NoIce,
    /// The far end's certificate is only described by a hash other than SHA-256.
    #[error("the far end gives no SHA-256 fingerprint of its certificate")]
    NoSha256Fingerprint,
    /// None of the far end's codecs is one of ours.
    #[error("no codec in common with the far end")]
    NoCommonCodec,
    /// The description cannot be read.
    #[error("the session description is malformed: {why}")]
    BadSdp {
        /// What is wrong with it.
        why: String,
    },
    /// There is no sound in the description, or the far end refused it.
    #[error("the far end offers no sound")]
    NoAudio,
    /// No path to the far end was found, or the one there was broke.
    #[error("no network path to the far end")]
    IceFailed,
    /// A path was found but the encrypted session on it could not be set up.
    #[error("the encrypted session with the far end failed")]
    DtlsFailed,
    /// Only relayed sound is allowed and no relay gave us an address.
    #[error("no relay server accepted us")]
    TurnRefused,
    /// A server address in the settings cannot be read.
    #[error("the server address {url} is not understood")]
    BadIceServer {
        /// The address as it was configured.
        url: String,
    },
    /// The operation does not fit the state of offer and answer.
    #[error("offer and answer are out of step: {why}")]
    OutOfStep {
        /// What was expected instead.
        why: String,
    },
    /// The far end did not agree to telephone events, so digits cannot be sent in the sound.
    #[error("the far end takes no digits")]
    NoDigits,
    /// Something that is not on a telephone keypad.
    #[error("'{0}' is not on the keypad")]
    NotADigit(char),
    /// The session is over.
    #[error("the media session is closed")]
    Closed,
    /// A fault inside, not the far end's doing.
    #[error("media engine: {why}")]
    Internal {
        /// What the engine said.
        why: String,
    },
}

impl MediaError {
    /// A stable name for the kind of error, for the window to translate and the log to count.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoDtls => "media.no_dtls",
            Self::NoIce => "media.no_ice",
            Self::NoSha256Fingerprint => "media.no_sha256_fingerprint",
            Self::NoCommonCodec => "media.no_common_codec",
            Self::BadSdp { .. } => "media.bad_sdp",
            Self::NoAudio => "media.no_audio",
            Self::IceFailed => "media.ice_failed",
            Self::DtlsFailed => "media.dtls_failed",
            Self::TurnRefused => "media.turn_refused",
            Self::BadIceServer { .. } => "media.bad_ice_server",
            Self::OutOfStep { .. } => "media.out_of_step",
            Self::NoDigits => "media.no_digits",
            Self::NotADigit(_) => "media.not_a_digit",
            Self::Closed => "media.closed",
            Self::Internal { .. } => "media.internal",
        }
    }

    pub(crate) fn bad_sdp(why: impl Into<String>) -> Self {
        Self::BadSdp { why: why.into() }
    }

    pub(crate) fn internal(why: impl std::fmt::Display) -> Self {
        Self::Internal { why: why.to_string() }
    }
}
