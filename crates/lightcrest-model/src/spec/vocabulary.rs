//! The words of a spec of light networks beside those of every spec: every section with its keys, types,
//! ranges and meanings.
//!
//! The parser, the JSON schema and the messages all read these tables, so that they cannot disagree.

mod architecture;
mod study;
mod training;

pub(crate) use architecture::{ARCHITECTURE, HEAD, MODULES, STAGE, repeats, strides};
pub(crate) use study::{
    CHANNELS, CONSTANTS, CONSTRAINT, DATA, DATA_PATH, DATA_SEED, DIRECTION, IMAGE_SIZE, MAX, MEASURED,
    METRICS, MIN, Measured, OBJECTIVE, REFIT, SCORE, SCORE_NAME, TEST_FRACTION, TRAIN_IMAGES,
    VALIDATION_FRACTION, VALIDATION_IMAGES, is_gain, is_static, metric_index,
};
pub(crate) use training::{AUGMENTATION, LOSSES, OPTIMIZERS, REFIT_AUGMENTATION, SCHEDULES, TRAINING};
