//! Resizing of one image.

use image::imageops::{FilterType, resize};
use image::{ImageBuffer, Luma, Rgb};

use lightcrest_graph::network::Shape;

/// Appends `image` (height, width, channels) at the new size to `output`.
pub(super) fn bilinear(image: &[u8], shape: Shape, height: usize, width: usize, output: &mut Vec<u8>) {
    let (from_width, from_height) = (shape.width as u32, shape.height as u32);
    let fits = "the image has as many bytes as its shape";
    match shape.channels {
        1 => {
            let image = ImageBuffer::<Luma<u8>, _>::from_raw(from_width, from_height, image).expect(fits);
            output.extend(resize(&image, width as u32, height as u32, FilterType::Triangle).into_raw());
        }
        _ => {
            let image = ImageBuffer::<Rgb<u8>, _>::from_raw(from_width, from_height, image).expect(fits);
            output.extend(resize(&image, width as u32, height as u32, FilterType::Triangle).into_raw());
        }
    }
}
