//! Low rank.

mod cp;
pub mod evbmf;
pub mod kernel;
pub mod method;
pub mod singular;
mod spatial;
mod svd;
#[cfg(test)]
mod test;
mod tucker;
pub mod whiten;
