//! What a file is that is not an ONNX model, told by its first bytes.

/// Kinds of files: where their mark stands, the mark, and what they are.
const MARKS: &[(usize, &[u8], &str)] = &[
    (0, b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"GIF8", "a GIF image"),
    (0, b"BM", "a BMP image"),
    (8, b"WEBP", "a WebP image"),
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\x03\x04", "a zip archive, such as PyTorch (.pt, .pth), Keras (.keras) and NumPy (.npz) write"),
    (0, b"PK\x05\x06", "an empty zip archive"),
    (0, b"\x1f\x8b", "a gzip archive; unpack it first"),
    (0, b"BZh", "a bzip2 archive; unpack it first"),
    (0, b"\xfd7zXZ\0", "an xz archive; unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive; unpack it first"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (257, b"ustar", "a tar archive; unpack it first"),
    (0, b"\x80\x02", "a Python pickle, such as PyTorch writes (.pt, .pth); export the model with torch.onnx"),
    (0, b"\x80\x03", "a Python pickle; export the model to ONNX"),
    (0, b"\x80\x04", "a Python pickle; export the model to ONNX"),
    (0, b"\x80\x05", "a Python pickle; export the model to ONNX"),
    (4, b"TFL3", "a TensorFlow Lite model; convert it with tf2onnx"),
    (4, b"ORTM", "a model in the .ort format of onnxruntime; take the ONNX file that it was made from"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file, such as Keras writes (.h5); convert it with tf2onnx"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"GGUF", "a GGUF model"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a program"),
    (0, b"SQLite format 3\0", "an SQLite database"),
    (0, b"RIFF", "a RIFF file, such as sound or video"),
    (
        0,
        b"version https://git-lfs.github.com",
        "a pointer of Git LFS in place of the file; fetch it with `git lfs pull`",
    ),
];

/// What the file is, as far as its first bytes tell; `None` when they may be those of a model.
pub(super) fn kind(bytes: &[u8]) -> Option<&'static str> {
    let marked = |(at, mark, _): &&(usize, &[u8], _)| {
        bytes.get(*at..at + mark.len()).is_some_and(|found| found == *mark)
    };
    if let Some((.., what)) = MARKS.iter().find(marked) {
        return Some(what);
    }
    // A header of JSON behind its length.
    if bytes.get(8) == Some(&b'{') && bytes.get(4..8) == Some(&[0; 4]) {
        return Some("a safetensors file, which holds weights without a graph");
    }
    let head = &bytes[..bytes.len().min(512)];
    let text = head.iter().all(|&byte| byte >= 0x20 && byte != 0x7f || b"\t\n\r".contains(&byte));
    let begins = |with: &[u8]| head.trim_ascii_start().starts_with(with);
    if !text || head.is_empty() {
        None
    } else if begins(b"<?xml") || begins(b"<net") {
        Some("an XML text, such as OpenVINO writes")
    } else if begins(b"<") {
        Some("an HTML page, such as a failed download leaves")
    } else if begins(b"{") {
        Some("a JSON text")
    } else {
        Some("a text")
    }
}
