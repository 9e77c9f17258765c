//! The practice switchboard and its simulated customers.
