//! The encrypted local store: customers, numbers, requests, calls.
