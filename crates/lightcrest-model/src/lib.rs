//! Light networks.
