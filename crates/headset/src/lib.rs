//! Sound devices, processing, mixing, ringing and levels.
