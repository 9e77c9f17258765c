//! A sans-I/O SIP user agent and its transports.
