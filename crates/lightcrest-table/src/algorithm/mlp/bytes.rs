//! The model as bytes.
//!
//! ```text
//! u32       bytes of the description, little-endian
//!           everything but the parameters: JSON
//!           the parameters, f32: the highest bytes of all, then the next ones, which packs better
//! ```

use super::Mlp;

impl Mlp {
    /// The same model, the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let description = serde_json::to_vec(self).expect("plain data is JSON");
        let mut bytes = (description.len() as u32).to_le_bytes().to_vec();
        bytes.extend(description);
        for at in 0..4 {
            bytes.extend(self.parameters.iter().map(|value| value.to_be_bytes()[at]));
        }
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let cut = || "it was cut off".to_owned();
        let (length, rest) = bytes.split_at_checked(4).ok_or_else(cut)?;
        let length = u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
        let (description, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
        let mut mlp: Self = serde_json::from_slice(description).map_err(|error| error.to_string())?;
        let n = rest.len() / 4;
        let value = |i: usize| f32::from_be_bytes([0, 1, 2, 3].map(|at| rest[at * n + i]));
        mlp.parameters = (0..n).map(value).collect();
        Ok(mlp)
    }
}
