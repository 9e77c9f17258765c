//! Calls: a pure state machine, and the actor that drives signalling, media and sound.
