//! The operator's day: states, requests, wrap-up, recordings; introduces phone and customers.
