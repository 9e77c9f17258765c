#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cuffia_media::fuzzing::rtp(data));
