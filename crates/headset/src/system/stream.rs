//! One stream to or from one device: its format, its rings, its signs of life.

use super::callback::{Callback, Life};
use super::{DEFAULT, End, Role};
use crate::HeadsetError;
use crate::drift::{Inside, Intake, Outlet};
use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{BufferSize, ErrorKind, FromSample, SampleFormat, SizedSample, StreamConfig, SupportedStreamConfig};
use rtrb::RingBuffer;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Frames in one device period: 10 ms at 48 kHz. On Linux 7.5, for of two of them ALSA's PulseAudio plug-in makes three of 5 ms: as
/// clean on a busy machine as the three of 6.7 it makes of 10, and 15 ms less from mouth to ear.
const PERIOD: u32 = if cfg!(target_os = "linux") { 360 } else { 480 };
/// Pause after an error other than an underrun. ALSA's PulseAudio plug-in answers "I/O error" until the server has told it its
/// timing (alsa-plugins issue 65), and cpal asks again at once, in a circle that holds the very lock the answer waits for.
const BREATH: Duration = Duration::from_millis(2);

/// A running stream. Sound flows until it is dropped.
pub(super) struct Stream {
    _running: cpal::Stream,
    pub(super) life: Arc<Life>,
    /// Hz.
    pub(super) rate: u32,
    role: Role,
    device: cpal::Device,
    config: StreamConfig,
    format: SampleFormat,
}

impl Stream {
    /// Whether its device still answers, by opening it a second time without a sound. A device that says it is taken is there.
    pub(super) fn is_there(&self) -> bool {
        let (device, config, format) = (&self.device, self.config, self.format);
        let opened = match self.role {
            Role::Microphone => device.build_input_stream_raw(config, format, |_, _| {}, |_| {}, None),
            Role::Ear | Role::Ringer => device.build_output_stream_raw(config, format, |_, _| {}, |_| {}, None),
        };
        match opened {
            Ok(_) => true,
            Err(e) => e.kind() == ErrorKind::DeviceBusy,
        }
    }
}

fn refused(name: &str, e: cpal::Error) -> HeadsetError {
    let name = name.to_owned();
    match e.kind() {
        ErrorKind::PermissionDenied => HeadsetError::Forbidden { name },
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable => HeadsetError::NoDevice { name },
        _ => HeadsetError::Refused { name, why: e.to_string() },
    }
}

fn device(role: Role, id: &str) -> Result<cpal::Device, HeadsetError> {
    let host = cpal::default_host();
    let found = match (id, role) {
        (DEFAULT, Role::Microphone) => host.default_input_device(),
        (DEFAULT, _) => host.default_output_device(),
        _ => host.devices().ok().and_then(|mut all| all.find(|d| d.id().is_ok_and(|i| i.id() == id))),
    };
    found.ok_or_else(|| HeadsetError::NoDevice { name: id.into() })
}

/// 48 kHz with one or two channels where the device has it, else what it prefers.
fn format(role: Role, device: &cpal::Device) -> Result<SupportedStreamConfig, cpal::Error> {
    let ranges: Vec<_> = match role {
        Role::Microphone => device.supported_input_configs().map(Iterator::collect),
        _ => device.supported_output_configs().map(Iterator::collect),
    }
    .unwrap_or_default();
    let rank = |f: SampleFormat| [SampleFormat::F32, SampleFormat::I16, SampleFormat::I32].iter().position(|x| *x == f);
    let wanted = if role == Role::Microphone { 1 } else { 2 };
    let best = ranges
        .into_iter()
        .filter(|r| (1..=2).contains(&r.channels()) && rank(r.sample_format()).is_some())
        .filter(|r| (r.min_sample_rate()..=r.max_sample_rate()).contains(&48_000))
        .min_by_key(|r| (r.channels().abs_diff(wanted), rank(r.sample_format())));
    match (best, role) {
        (Some(range), _) => Ok(range.with_sample_rate(48_000)),
        (None, Role::Microphone) => device.default_input_config(),
        (None, _) => device.default_output_config(),
    }
}

/// Opens a device and lets its sound flow to or from the returned end.
pub(super) fn open(role: Role, id: &str) -> Result<(Stream, End), HeadsetError> {
    let device = device(role, id)?;
    let supported = format(role, &device).map_err(|e| refused(id, e))?;
    let format = supported.sample_format();
    let mut last = None;
    // Some sound systems refuse small buffers; their own choice is better than no sound.
    for buffer_size in [BufferSize::Fixed(PERIOD), BufferSize::Default] {
        let config = StreamConfig { buffer_size, ..supported.config() };
        let built = match format {
            SampleFormat::F32 => build::<f32>(role, &device, config),
            SampleFormat::I16 => build::<i16>(role, &device, config),
            SampleFormat::I32 => build::<i32>(role, &device, config),
            SampleFormat::U16 => build::<u16>(role, &device, config),
            SampleFormat::U8 => build::<u8>(role, &device, config),
            other => {
                return Err(HeadsetError::Refused { name: id.into(), why: format!("it only speaks {other}") });
            }
        };
        match built {
            Ok(built) => {
                let (running, life, end) = built?;
                return Ok((
                    Stream { _running: running, life, rate: config.sample_rate, role, device, config, format },
                    end,
                ));
            }
            Err(e) => last = Some(refused(id, e)),
        }
    }
    Err(last.unwrap_or_else(|| HeadsetError::NoDevice { name: id.into() }))
}

type Built = Result<(cpal::Stream, Arc<Life>, End), HeadsetError>;

fn build<T>(role: Role, device: &cpal::Device, config: StreamConfig) -> Result<Built, cpal::Error>
where
    T: SizedSample + FromSample<f32> + Send + 'static,
    f32: FromSample<T>,
{
    let life = Arc::new(Life::default());
    let dying = life.clone();
    let on_error = move |e: cpal::Error| {
        dying.errors.fetch_add(1, Relaxed);
        // Underruns and the like heal by themselves; when they do not, they come too often or the callbacks stop, which is noticed.
        let gone = [ErrorKind::DeviceNotAvailable, ErrorKind::StreamInvalidated, ErrorKind::HostUnavailable]
            .contains(&e.kind());
        if gone {
            dying.lost.store(true, Relaxed);
        } else if e.kind() != ErrorKind::Xrun {
            std::thread::sleep(BREATH);
        }
    };
    let (rate, channels) = (config.sample_rate, usize::from(config.channels).max(1));
    let (producer, consumer) = RingBuffer::<f32>::new(rate as usize);
    let period = match config.buffer_size {
        BufferSize::Fixed(n) => f64::from(n) / f64::from(rate),
        BufferSize::Default => 0.03,
    };
    let inside = Arc::new(Inside::default());
    let (stream, end) = match role {
        Role::Microphone => {
            let mut callback = Callback::new(producer, rate, channels, life.clone(), inside.clone());
            let stream = device.build_input_stream::<T, _, _>(
                config,
                move |data, info| callback.captured(data, info.timestamp()),
                on_error,
                None,
            )?;
            (stream, Intake::new(consumer, rate, period, inside).map(|i| End::Microphone(Some(Box::new(i)))))
        }
        Role::Ear | Role::Ringer => {
            let mut callback = Callback::new(consumer, rate, channels, life.clone(), inside.clone());
            let stream = device.build_output_stream::<T, _, _>(
                config,
                move |data, info| callback.wanted(data, info.timestamp()),
                on_error,
                None,
            )?;
            let outlet = Outlet::new(producer, rate, period, inside).map(Box::new);
            let end = if role == Role::Ear {
                outlet.map(|o| End::Ear(Some(o)))
            } else {
                outlet.map(|o| End::Ringer(Some(o)))
            };
            (stream, end)
        }
    };
    stream.play()?;
    Ok(end.map(|end| (stream, life, end)))
}

/// Keeps the ALSA library from writing to standard error on this thread; its errors reach us as values.
#[cfg(target_os = "linux")]
pub(super) fn keep_quiet() {
    use std::ffi::{c_char, c_int};
    unsafe extern "C" fn nothing(
        _file: *const c_char,
        _line: c_int,
        _function: *const c_char,
        _error: c_int,
        _format: *const c_char,
        _arguments: *mut alsa_sys::__va_list_tag,
    ) {
    }
    // SAFETY: the handler looks at none of its arguments, and it lives as long as the program.
    unsafe { alsa_sys::snd_lib_error_set_local(Some(nothing)) };
}

/// Only ALSA writes there.
#[cfg(not(target_os = "linux"))]
pub(super) fn keep_quiet() {}
