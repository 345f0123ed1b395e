//! The 1,797 handwritten digits that come with the program: 8x8 pixels, one channel, ten classes.
//!
//! Source: Optical Recognition of Handwritten Digits, test set (Alpaydin and Kaynak 1998, UCI, CC BY 4.0);
//! `data/README.md` of this crate says how it was converted.

use std::path::Path;

use super::{DataError, Dataset, Source, idx};

const IMAGES: &[u8] = include_bytes!("../../data/digits-images-idx3-ubyte.gz");
const LABELS: &[u8] = include_bytes!("../../data/digits-labels-idx1-ubyte.gz");

/// The digits, without a test split of their own.
///
/// # Errors
/// None in practice: the bytes are part of the program.
pub fn load() -> Result<Source, DataError> {
    let (shape, mut images) = idx::parse_images(Path::new("digits-images-idx3-ubyte.gz"), IMAGES)?;
    let labels = idx::parse_labels(Path::new("digits-labels-idx1-ubyte.gz"), LABELS)?;
    // Pixels count the ink of 4x4 blocks, 0..=16.
    images.iter_mut().for_each(|v| *v = ((u16::from(*v) * 255 + 8) / 16) as u8);
    let classes = (0..10).map(|digit| digit.to_string()).collect();
    let labels = labels.into_iter().map(u16::from).collect();
    Ok(Source::whole(Dataset::new("digits", classes, shape, images, labels)?))
}

#[cfg(test)]
mod tests {
    use lightcrest_graph::network::Shape;

    use super::*;

    #[test]
    fn the_digits_are_those_of_scikit_learn() {
        let data = load().unwrap().train;
        assert_eq!((data.len(), data.shape()), (1797, Shape::new(1, 8, 8)));
        // sklearn.datasets.load_digits(): np.bincount(target), images[0][0], images.sum().
        assert_eq!(data.class_counts(), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        assert_eq!(data.image(0)[..8], [0, 0, 80, 207, 143, 16, 0, 0]);
        let ink: u64 = data.images.iter().map(|&v| (u64::from(v) * 16 + 127) / 255).sum();
        assert_eq!(ink, 561_718);
    }
}
