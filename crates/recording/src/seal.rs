//! The file: a 24-byte header, then chunks sealed with ChaCha20-Poly1305.
//!
//! Header: `CUFREC01`, 16 bytes of salt. Each file has its own key, HKDF-SHA256(master, salt), so nonces may count from zero.
//! Chunk: length of what follows (u32, little endian), ciphertext, 16-byte tag. The nonce holds the chunk's number and whether it
//! is the last: chunks can be neither swapped, dropped from the middle, nor the end cut off unseen (the STREAM construction,
//! Hoang, Reyhanitabar, Rogaway, Vizár 2015).

use crate::RecordingError;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{hkdf, rand};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

const MAGIC: &[u8; 8] = b"CUFREC01";
const HEADER: usize = 24;
/// A chunk holds about half a second; anything larger than this is not ours.
const MAX_CHUNK: usize = 16 << 20;

/// The 32-byte master key of all recordings.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// A key from 32 bytes kept elsewhere.
    pub fn new(bytes: [u8; 32]) -> Key {
        Key(bytes)
    }

    /// A fresh random key.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn random() -> io::Result<Key> {
        Ok(Key::random_with_bytes()?.0)
    }

    /// A fresh random key and its bytes, to be kept somewhere safe.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn random_with_bytes() -> io::Result<(Key, [u8; 32])> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("no randomness"))?;
        Ok((Key(bytes), bytes))
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

fn file_key(master: &Key, salt: &[u8]) -> Result<LessSafeKey, RecordingError> {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(&master.0);
    let okm = prk.expand(&[b"cuffia recording"], &CHACHA20_POLY1305).map_err(|_| RecordingError::Sealed)?;
    Ok(LessSafeKey::new(UnboundKey::from(okm)))
}

fn nonce(number: u64, last: bool) -> Nonce {
    let mut n = [0; 12];
    n[..8].copy_from_slice(&number.to_le_bytes());
    n[11] = last.into();
    Nonce::assume_unique_for_key(n)
}

pub(crate) struct SealedFile {
    file: File,
    key: LessSafeKey,
    number: u64,
}

impl SealedFile {
    pub(crate) fn create(path: &Path, master: &Key) -> Result<SealedFile, RecordingError> {
        let salt: [u8; 16] =
            rand::generate(&SystemRandom::new()).map_err(|_| io::Error::other("no randomness"))?.expose();
        let key = file_key(master, &salt)?;
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        file.write_all(&[MAGIC.as_slice(), &salt].concat())?;
        Ok(SealedFile { file, key, number: 0 })
    }

    /// One write call per chunk: the kernel has all of it or a tail that fails to open.
    pub(crate) fn write_chunk(&mut self, plain: &[u8], last: bool) -> Result<(), RecordingError> {
        let mut body = plain.to_vec();
        self.key
            .seal_in_place_append_tag(nonce(self.number, last), Aad::empty(), &mut body)
            .map_err(|_| RecordingError::Sealed)?;
        let length = u32::try_from(body.len()).map_err(|_| io::Error::other("chunk too large"))?;
        let mut out = length.to_le_bytes().to_vec();
        out.append(&mut body);
        self.file.write_all(&out)?;
        // Against power cuts; a killed process needs only the write.
        self.file.sync_data()?;
        self.number += 1;
        Ok(())
    }
}

/// An opened recording.
#[derive(Debug)]
pub struct Sealed {
    /// The plain Ogg/Opus stream, as far as it is whole. Never written to disk by us.
    pub ogg: Vec<u8>,
    /// Whether the recording was closed properly.
    pub complete: bool,
}

impl Sealed {
    /// Opens a recording; one cut off in the middle gives what is whole.
    ///
    /// # Errors
    /// [`RecordingError::Sealed`] when it is not a recording of this key or was altered before its end.
    pub fn read(path: &Path, master: &Key) -> Result<Sealed, RecordingError> {
        let bytes = std::fs::read(path)?;
        let (Some(header), true) = (bytes.get(..HEADER), bytes.starts_with(MAGIC)) else {
            return Err(RecordingError::Sealed);
        };
        let key = file_key(master, &header[8..])?;
        let (mut ogg, mut rest, mut number) = (Vec::new(), &bytes[HEADER..], 0);
        while let Some((length, tail)) = rest.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            // A short tail is a write that the kill interrupted.
            let Some(body) = tail.get(..length).filter(|_| length <= MAX_CHUNK) else { break };
            let opened = [false, true].into_iter().find_map(|last| {
                let mut body = body.to_vec();
                let plain = key.open_in_place(nonce(number, last), Aad::empty(), &mut body).ok()?.len();
                body.truncate(plain);
                Some((last, body))
            });
            match opened {
                Some((last, plain)) => {
                    ogg.extend_from_slice(&plain);
                    if last {
                        return Ok(Sealed { ogg, complete: true });
                    }
                    number += 1;
                }
                // After a power cut the very last chunk may be long enough but hold anything.
                None if number > 0 && tail.len() == length => break,
                None => return Err(RecordingError::Sealed),
            }
            rest = &tail[length..];
        }
        Ok(Sealed { ogg, complete: false })
    }
}
