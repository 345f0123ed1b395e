//! Arrays as NumPy writes them: `.npy` and `.npz`.
//!
//! Source: numpy.org/doc/stable/reference/generated/numpy.lib.format.html.

use std::fs;
use std::io::Read;
use std::path::Path;

use lightcrest_graph::onnx::{Array, Data, half};

use super::zip;

/// The arrays of a file with their names; one of a `.npy` has the name of the file.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn read(path: &Path) -> Result<Vec<(String, Array)>, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let is = |extension: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension));
    if !is("npz") {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        return Ok(vec![(name, array(&bytes[..])?)]);
    }
    let files = zip::files(&bytes).ok_or("it is no whole .npz, which is a zip archive")?;
    let of = |file: zip::File<'_>| {
        let name = file.name.trim_end_matches(".npy").to_owned();
        let array = file.read().and_then(|bytes| array(&bytes[..]));
        array.map_err(|reason| format!("array `{name}`: {reason}")).map(|array| (name.clone(), array))
    };
    files.into_iter().map(of).collect()
}

/// One array.
fn array(mut source: impl Read) -> Result<Array, String> {
    let failed = |error: std::io::Error| format!("it cannot be read: {error}");
    let mut head = [0; 8];
    source.read_exact(&mut head).map_err(failed)?;
    if &head[..6] != b"\x93NUMPY" {
        return Err("it does not begin as .npy does".into());
    }
    // Version 1 has two bytes of length, versions 2 and 3 have four.
    let mut length = [0; 4];
    let wide = if head[6] == 1 { 2 } else { 4 };
    source.read_exact(&mut length[..wide]).map_err(failed)?;
    let length = u64::from(u32::from_le_bytes(length));
    let mut text = Vec::new();
    source.by_ref().take(length).read_to_end(&mut text).map_err(failed)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let shape = shape(&text)?;
    if value(&text, "fortran_order")?.starts_with("True") {
        return Err("its elements lie in Fortran's order; save numpy.ascontiguousarray of it".into());
    }
    let kind = value(&text, "descr")?.trim_matches(['\'', '"']).to_owned();
    let count = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    let count = count.ok_or_else(|| format!("its shape is {shape:?}, which no memory holds"))?;
    let mut bytes = Vec::new();
    source.read_to_end(&mut bytes).map_err(failed)?;
    let data = elements(&kind, &bytes)?;
    if data.len() != count {
        return Err(format!("it has {} elements, where its shape {shape:?} asks for {count}", data.len()));
    }
    Ok(Array { shape, data })
}

/// What stands behind a key of the header, up to its end.
fn value<'a>(header: &'a str, key: &str) -> Result<&'a str, String> {
    let missing = || format!("its header has no `{key}`: {header:?}");
    let at = header.find(&format!("'{key}'")).ok_or_else(missing)?;
    let rest = &header[at + key.len() + 2..];
    let rest = rest.trim_start_matches([' ', ':']);
    let end = if rest.starts_with('(') { rest.find(')').map(|end| end + 1) } else { rest.find([',', '}']) };
    end.map(|end| &rest[..end]).ok_or_else(missing)
}

fn shape(header: &str) -> Result<Vec<usize>, String> {
    let text = value(header, "shape")?;
    let sizes = text.trim_matches(['(', ')', ' ']).split(',').map(str::trim).filter(|size| !size.is_empty());
    sizes.map(|size| size.parse().map_err(|_| format!("its shape is {text}"))).collect()
}

fn elements(kind: &str, bytes: &[u8]) -> Result<Data, String> {
    Ok(match kind {
        "<f4" => Data::F32(numbers(bytes, f32::from_le_bytes)),
        "<f8" => Data::F64(numbers(bytes, f64::from_le_bytes)),
        "<f2" => Data::F32(numbers(bytes, |bytes| half(u16::from_le_bytes(bytes)))),
        "<i8" => Data::I64(numbers(bytes, i64::from_le_bytes)),
        "<i4" => Data::I32(numbers(bytes, i32::from_le_bytes)),
        "|u1" => Data::U8(bytes.to_vec()),
        "|i1" => Data::I8(bytes.iter().map(|&byte| byte as i8).collect()),
        "|b1" => Data::Bool(bytes.iter().map(|&byte| byte != 0).collect()),
        _ => {
            return Err(format!(
                "its elements are of type {kind}, where float16, float32, float64, int8, uint8, int32, int64 or bool are read"
            ));
        }
    })
}

fn numbers<T, const N: usize>(bytes: &[u8], read: fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|&bytes| read(bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn arrays_of_numpy_are_read() {
        let data: Vec<u8> = [1f32, 2.0, 3.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let file = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 1), }   \n", &data);
        assert_eq!(array(&file[..]), Ok(Array::f32([3, 1], vec![1.0, 2.0, 3.0])));
        let scalar = npy("{'descr': '<i8', 'fortran_order': False, 'shape': (), }\n", &7i64.to_le_bytes());
        assert_eq!(array(&scalar[..]), Ok(Array { shape: vec![], data: Data::I64(vec![7]) }));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let header = |kind: &str, order: &str| {
            format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': (2,), }}\n")
        };
        let says = |file: &[u8], word: &str| {
            let error = array(file).unwrap_err();
            assert!(error.contains(word), "{error}");
        };
        says(b"PK\x03\x04 and so on", ".npy");
        says(&npy(&header("<c16", "False"), &[0; 32]), "<c16");
        says(&npy(&header("<f4", "True"), &[0; 8]), "Fortran");
        says(&npy(&header("<f4", "False"), &[0; 4]), "1 elements");
    }
}
