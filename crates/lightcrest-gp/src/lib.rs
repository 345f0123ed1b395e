//! Gaussian-process numerics: arrays in, arrays out. Knows nothing of studies.
