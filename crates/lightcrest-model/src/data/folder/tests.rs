//! Folders of every layout, and files of every kind.

use super::*;
use image::{Rgb, RgbImage};

fn write(path: &Path, side: u32, color: [u8; 3]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    RgbImage::from_pixel(side, side, Rgb(color)).save(path).unwrap();
}

fn pets() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("cat/1.png"), 4, [9, 9, 9]);
    write(&folder.path().join("cat/2.JPG"), 4, [40, 40, 40]);
    write(&folder.path().join("dog/1.jpeg"), 4, [80, 80, 80]);
    std::fs::write(folder.path().join("dog/notes.txt"), "x").unwrap();
    std::fs::write(folder.path().join(".hidden"), "x").unwrap();
    folder
}

#[test]
fn grey_images_become_one_channel_unless_told_otherwise() {
    let folder = pets();
    let data = load(folder.path(), None, None).unwrap().train;
    assert_eq!(data.classes(), ["cat", "dog"]);
    assert_eq!((data.shape(), data.labels()), (Shape::new(1, 4, 4), &[0, 0, 1][..]));
    assert_eq!(data.image(0), [9; 16]);
    let data = load(folder.path(), Some(3), Some(Channels::Rgb)).unwrap().train;
    assert_eq!(data.shape(), Shape::new(3, 3, 3));
    write(&folder.path().join("dog/0.png"), 4, [200, 0, 0]);
    assert_eq!(load(folder.path(), None, None).unwrap().train.shape().channels, 3);
}

#[test]
fn train_and_test_folders_are_two_splits() {
    let folder = tempfile::tempdir().unwrap();
    for (part, color) in [("train", 1), ("test", 2)] {
        for class in ["a", "b"] {
            write(&folder.path().join(part).join(class).join("x.png"), 2, [color; 3]);
        }
    }
    let source = load(folder.path(), None, None).unwrap();
    assert_eq!((source.train.image(1), source.test.unwrap().image(0)), (&[1; 4][..], &[2; 4][..]));
}

/// A picture whose upper left corner is bright: which corner is bright after reading tells how it was turned.
fn corner() -> RgbImage {
    RgbImage::from_fn(16, 16, |x, y| if x < 8 && y < 8 { Rgb([240; 3]) } else { Rgb([16; 3]) })
}

/// Brightness of the corners of the only image of class `a`: upper left, upper right, lower left, lower
/// right.
fn corners(data: &Dataset) -> [bool; 4] {
    let pixel = |row: usize, column: usize| data.image(0)[row * 16 + column] > 128;
    [pixel(2, 2), pixel(2, 13), pixel(13, 2), pixel(13, 13)]
}

/// A folder of two classes with `bytes` as the first image of class `a`.
fn beside_a_dark_one(name: &str, bytes: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("b/1.png"), 16, [16; 3]);
    std::fs::create_dir(folder.path().join("a")).unwrap();
    std::fs::write(folder.path().join("a").join(name), bytes).unwrap();
    folder
}

fn encoded(image: &image::DynamicImage, format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(vec![]);
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[test]
fn every_format_is_read_whatever_the_ending_says() {
    use image::ImageFormat::{Bmp, Gif, Jpeg, Png, Pnm, Tiff, WebP};
    for (format, name) in [
        (WebP, "1.webp"),
        (Bmp, "1.BMP"),
        (Gif, "1.gif"),
        (Tiff, "1.tif"),
        (Tiff, "1.TIFF"),
        (Jpeg, "1.jpe"),
        (Jpeg, "1.JPG"),
        (Jpeg, "a jpeg.png"),
        (Png, "1.jpeg"),
        (Pnm, "1.ppm"),
    ] {
        let folder = beside_a_dark_one(name, &encoded(&corner().into(), format));
        let data = load(folder.path(), None, None).unwrap().train;
        assert_eq!(data.shape(), Shape::new(1, 16, 16), "{name}");
        assert_eq!(corners(&data), [true, false, false, false], "{name}");
    }
}

#[test]
fn every_kind_of_pixel_is_read() {
    let corner = image::DynamicImage::from(corner());
    let kinds: [image::DynamicImage; 5] = [
        corner.to_luma8().into(),
        corner.to_luma16().into(),
        corner.to_luma_alpha8().into(),
        corner.to_rgb16().into(),
        corner.to_rgba8().into(),
    ];
    for kind in kinds {
        let folder = beside_a_dark_one("1.png", &encoded(&kind, image::ImageFormat::Png));
        let data = load(folder.path(), None, None).unwrap().train;
        assert_eq!(corners(&data), [true, false, false, false], "{:?}", kind.color());
        assert_eq!(data.image(0)[0], 240, "{:?}", kind.color());
    }
    let cmyk = include_bytes!("cmyk.jpg");
    let data = load(beside_a_dark_one("1.jpg", cmyk).path(), None, None).unwrap().train;
    assert_eq!(data.shape().channels, 3);
    // Cyan ink without any other: no red, much green and blue.
    assert!(
        data.image(0)[0] < 20 && data.image(0)[1] > 200 && data.image(0)[2] > 200,
        "{:?}",
        &data.image(0)[..3]
    );
    // Floating-point pixels beyond 1 would be cut off.
    let mut bright = corner.to_rgb32f();
    let bytes = encoded(&bright.clone().into(), image::ImageFormat::Tiff);
    let data = load(beside_a_dark_one("1.tif", &bytes).path(), None, None).unwrap().train;
    assert_eq!(corners(&data), [true, false, false, false]);
    bright.pixels_mut().for_each(|pixel| pixel.0 = pixel.0.map(|value| 255.0 * value));
    let bytes = encoded(&bright.into(), image::ImageFormat::Tiff);
    let error = load(beside_a_dark_one("1.tif", &bytes).path(), None, None).unwrap_err().to_string();
    assert!(error.contains("1.tif` is not a readable image: its floating-point pixels leave"), "{error}");
}

#[test]
fn the_first_frame_of_an_animation_counts() {
    let mut bytes = vec![];
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    for frame in [corner(), RgbImage::from_pixel(16, 16, Rgb([240; 3]))] {
        let frame = image::DynamicImage::from(frame).into_rgba8();
        encoder.encode_frame(image::Frame::new(frame)).unwrap();
    }
    drop(encoder);
    let folder = beside_a_dark_one("1.gif", &bytes);
    assert_eq!(corners(&load(folder.path(), None, None).unwrap().train), [true, false, false, false]);
}

#[test]
fn the_orientation_of_cameras_is_applied() {
    let jpeg = encoded(&corner().into(), image::ImageFormat::Jpeg);
    // What a camera means by 1, 3 (turned by 180 degrees), 6 (to be turned clockwise) and 8
    // (counterclockwise).
    for (orientation, bright) in [(1, 0), (3, 3), (6, 1), (8, 2)] {
        // TIFF header, one entry: tag 0x0112, a short, one value.
        let tiff =
            [b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", &[orientation, 0, 0, 0][..], &[0; 4]]
                .concat();
        let length = (tiff.len() as u16 + 2).to_be_bytes();
        let bytes = [&jpeg[..2], &[0xff, 0xe1], &length, &tiff, &jpeg[2..]].concat();
        let folder = beside_a_dark_one("1.jpg", &bytes);
        let mut expected = [false; 4];
        expected[bright] = true;
        let data = load(folder.path(), None, None).unwrap().train;
        assert_eq!(corners(&data), expected, "orientation {orientation}");
    }
}

#[test]
fn sub_folders_of_a_class_are_read_and_what_is_passed_over_is_counted() {
    let folder = pets();
    let at = |path: &str| folder.path().join(path);
    write(&at("cat/by night/3.png"), 4, [7; 3]);
    write(&at("cat/.cache/4.png"), 4, [7; 3]);
    write(&at("loose.png"), 4, [7; 3]);
    for file in
        ["cat/1.HEIC", "cat/by night/a.txt", "dog/README", "dog/.DS_Store", "dog/Thumbs.db", "labels.csv"]
    {
        std::fs::write(at(file), "x").unwrap();
    }
    let source = load(folder.path(), None, None).unwrap();
    assert_eq!(source.train.class_counts(), [3, 1]);
    let expected = "6 files passed over: 2 .txt, 1 .csv, 1 .heic, 1 .png outside of the class folders, 1 without an ending";
    assert_eq!(source.passed_over.to_string(), expected);
    assert!(load(pets().path(), None, None).unwrap().passed_over.to_string() == "1 file passed over: 1 .txt");
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_loops_end() {
    use std::os::unix::fs::symlink;
    let (folder, elsewhere) = (pets(), tempfile::tempdir().unwrap());
    write(&elsewhere.path().join("5.png"), 4, [7; 3]);
    symlink(elsewhere.path(), folder.path().join("dog/elsewhere")).unwrap();
    symlink(folder.path(), folder.path().join("dog/all")).unwrap();
    symlink(folder.path().join("cat"), folder.path().join("cat/self")).unwrap();
    symlink("nowhere", folder.path().join("cat/6.png")).unwrap();
    let source = load(folder.path(), None, None).unwrap();
    assert_eq!(source.train.class_counts(), [2, 2]);
    let expected = "4 files passed over: 2 link that leads back, 1 .txt, 1 broken link";
    assert_eq!(source.passed_over.to_string(), expected);
}

/// Splits with two classes `a` and `b`; the colour of every image is the number of its split.
fn splits(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (number, name) in names.iter().enumerate() {
        for class in ["a", "b"] {
            write(&folder.path().join(name).join(class).join("x.png"), 2, [number as u8; 3]);
        }
    }
    folder
}

#[test]
fn splits_have_many_names() {
    for names in [["train", "val", "test"], ["Training", "VALID", "Testing"], ["train", "Validation", "TEST"]]
    {
        let source = load(splits(&names).path(), None, None).unwrap();
        let first = |data: &Dataset| data.image(0)[0];
        let found =
            [&source.train, source.validation.as_ref().unwrap(), source.test.as_ref().unwrap()].map(first);
        assert_eq!(found, [0, 1, 2], "{names:?}");
    }
    let source = load(splits(&["train", "val"]).path(), None, None).unwrap();
    assert!(source.test.is_none() && source.validation.is_some());
    let source = load(splits(&["train"]).path(), None, None).unwrap();
    assert!(source.test.is_none() && source.validation.is_none());
    let folder = splits(&["train", "val"]);
    write(&folder.path().join("unlabeled/1.png"), 2, [0; 3]);
    let passed_over = load(folder.path(), None, None).unwrap().passed_over.to_string();
    assert_eq!(passed_over, "folder beside the splits passed over: `unlabeled`");
}

#[test]
fn a_class_may_be_called_like_a_split() {
    let folder = tempfile::tempdir().unwrap();
    for class in ["bus", "train"] {
        write(&folder.path().join(class).join("x.png"), 2, [0; 3]);
    }
    assert_eq!(load(folder.path(), None, None).unwrap().train.classes(), ["bus", "train"]);
}

#[test]
fn splits_that_do_not_go_together_are_refused() {
    let message = |folder: &tempfile::TempDir| load(folder.path(), None, None).unwrap_err().to_string();
    let error = message(&splits(&["train", "val", "valid"]));
    assert!(error.contains("`val` and `valid` would be the same split"), "{error}");
    let error = message(&splits(&["val", "test"]));
    assert!(error.contains("none to train on: no folder `train`"), "{error}");
    let error = message(&splits(&["train", "unlabeled"]));
    assert!(
        error.contains("`train` holds folders only, as a split does, but beside it are `unlabeled`"),
        "{error}"
    );

    let folder = splits(&["train", "val", "test"]);
    write(&folder.path().join("train/c/x.png"), 2, [0; 3]);
    std::fs::rename(folder.path().join("test/b"), folder.path().join("test/d")).unwrap();
    let error = message(&folder);
    assert!(error.contains("val` and") && error.contains("train` differ: the first lacks `c`"), "{error}");
    std::fs::rename(folder.path().join("train/c"), folder.path().join("c")).unwrap();
    let error = message(&folder);
    assert!(error.contains("differ: the first lacks `b`; the first alone has `d`"), "{error}");
    // Images without classes, as a competition hands out what it tests on.
    let folder = splits(&["train", "val"]);
    write(&folder.path().join("test/1.png"), 2, [0; 3]);
    assert!(message(&folder).contains("differ: the first lacks `a`, `b`"), "{}", message(&folder));
}

#[test]
fn bad_folders_are_named() {
    let message = |folder: &Path| load(folder, None, None).unwrap_err().to_string();
    assert!(message(Path::new("nowhere")).contains("`nowhere` is missing"));

    let folder = pets();
    write(&folder.path().join("dog/0.png"), 5, [0; 3]);
    assert!(
        message(folder.path()).contains("0.png` is 5x5, but the images before it are 4x4: set `image_size`")
    );

    let folder = pets();
    std::fs::create_dir(folder.path().join("eel")).unwrap();
    std::fs::write(folder.path().join("eel/1.heic"), "x").unwrap();
    let error = message(folder.path());
    assert!(
        error.contains(
            "eel` has no image that is read, neither itself nor below (1 file passed over: 1 .heic)"
        )
    );
    assert!(error.contains("or the sub-folders `train`, `val` and `test`"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("cat/1.png"), 4, [0; 3]);
    assert!(message(folder.path()).contains("has 1 class folder(s); at least 2"));
}

#[test]
fn damaged_images_are_named() {
    use image::ImageFormat::{Bmp, Gif, Jpeg, Png, Tiff, WebP};
    // Noise, so that half of the file is about half of the pixels.
    let noise =
        RgbImage::from_fn(16, 16, |x, y| Rgb([(x * 97 + y * 57) as u8, (x * y * 31) as u8, (x ^ y) as u8]));
    for (format, ending) in
        [(Png, "png"), (Jpeg, "jpg"), (WebP, "webp"), (Bmp, "bmp"), (Gif, "gif"), (Tiff, "tif")]
    {
        let name = format!("1.{ending}");
        let bytes = encoded(&noise.clone().into(), format);
        load(beside_a_dark_one(&name, &bytes).path(), None, None).unwrap();
        let error =
            load(beside_a_dark_one(&name, &bytes[..bytes.len() * 3 / 4]).path(), None, None).unwrap_err();
        assert!(error.to_string().contains(&format!("{name}` is not a readable image")), "{error}");
    }
    for bytes in [&b""[..], b"<html>not found</html>"] {
        let error = load(beside_a_dark_one("1.jpg", bytes).path(), None, None).unwrap_err().to_string();
        assert!(error.contains("1.jpg` is not a readable image"), "{error}");
    }
}

#[test]
fn an_image_of_absurd_size_is_refused() {
    // The header of a PNG of 60000x60000 pixels and nothing behind it.
    let mut png = encoded(&corner().into(), image::ImageFormat::Png);
    png[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let crc = crc32(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&crc);
    let error = load(beside_a_dark_one("1.png", &png).path(), None, None).unwrap_err().to_string();
    assert!(error.contains("1.png` is 60000x60000, more than 512 MiB when it is decoded"), "{error}");
}

/// The checksum of PNG's chunks (ISO/IEC 15948, annex D).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc, _| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 },
        )
    })
}
