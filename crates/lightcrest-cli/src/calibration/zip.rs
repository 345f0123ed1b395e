//! The files of a zip archive as NumPy writes it: stored or deflated, below 4 GiB.
//!
//! Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory) and 4.3.16
//! (its end).

use std::io::Read;

use flate2::read::DeflateDecoder;

/// A file of an archive.
pub(super) struct File<'a> {
    pub(super) name: String,
    method: u16,
    size: usize,
    data: &'a [u8],
}

/// The files of an archive; `None` when it is none, or is cut off.
pub(super) fn files(bytes: &[u8]) -> Option<Vec<File<'_>>> {
    // Behind the end of the directory there is at most a comment of 64 KiB.
    let last = bytes.len().checked_sub(22)?;
    let end =
        (last.saturating_sub(1 << 16)..=last).rev().find(|&at| bytes[at..].starts_with(b"PK\x05\x06"))?;
    let mut at = long(bytes, end + 16)?;
    let mut files = vec![];
    for _ in 0..short(bytes, end + 10)? {
        if !bytes.get(at..)?.starts_with(b"PK\x01\x02") {
            return None;
        }
        let (packed, size) = (long(bytes, at + 20)?, long(bytes, at + 24)?);
        let length = usize::from(short(bytes, at + 28)?);
        let name = String::from_utf8_lossy(bytes.get(at + 46..at + 46 + length)?).into_owned();
        let local = long(bytes, at + 42)?;
        // The local header has a name and extra fields of its own lengths.
        let skip = usize::from(short(bytes, local + 26)?) + usize::from(short(bytes, local + 28)?);
        let start = local.checked_add(30 + skip)?;
        let data = bytes.get(start..start.checked_add(packed)?)?;
        files.push(File { name, method: short(bytes, at + 10)?, size, data });
        at += 46 + length + usize::from(short(bytes, at + 30)?) + usize::from(short(bytes, at + 32)?);
    }
    Some(files)
}

impl File<'_> {
    /// What is in it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(&self) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        match self.method {
            0 => bytes.extend(self.data),
            8 => {
                // What is longer than announced is not read to its end.
                let limit = self.size as u64 + 1;
                let read = DeflateDecoder::new(self.data).take(limit).read_to_end(&mut bytes);
                read.map_err(|error| format!("it cannot be unpacked: {error}"))?;
            }
            method => return Err(format!("it is packed by method {method}, where 0 and 8 are known")),
        }
        if bytes.len() == self.size { Ok(bytes) } else { Err("it is not as long as its archive says".into()) }
    }
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn long(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.savez_compressed` of two arrays, without their content: one stored, one deflated.
    fn archive() -> Vec<u8> {
        let deflated = {
            let mut encoder = flate2::write::DeflateEncoder::new(vec![], flate2::Compression::fast());
            std::io::Write::write_all(&mut encoder, &[7; 100]).unwrap();
            encoder.finish().unwrap()
        };
        let (mut bytes, mut directory) = (vec![], vec![]);
        for (name, method, size, data) in [("a.npy", 0u16, 3u32, vec![1, 2, 3]), ("b.npy", 8, 100, deflated)]
        {
            let offset = bytes.len() as u32;
            let packed = data.len() as u32;
            bytes.extend(b"PK\x03\x04".iter().chain(&[0; 22]));
            bytes.extend((name.len() as u16).to_le_bytes());
            bytes.extend(4u16.to_le_bytes());
            bytes.extend(name.bytes().chain([9; 4]).chain(data));
            directory.extend(b"PK\x01\x02".iter().chain(&[0; 6]));
            directory.extend(method.to_le_bytes().iter().chain(&[0; 8]));
            directory.extend(packed.to_le_bytes().iter().chain(&size.to_le_bytes()));
            directory.extend((name.len() as u16).to_le_bytes().iter().chain(&[0; 12]));
            directory.extend(offset.to_le_bytes());
            directory.extend(name.bytes());
        }
        let start = bytes.len() as u32;
        bytes.extend(&directory);
        bytes.extend(b"PK\x05\x06".iter().chain(&[0; 4]).chain(&[2, 0, 2, 0]));
        bytes
            .extend((directory.len() as u32).to_le_bytes().iter().chain(&start.to_le_bytes()).chain(&[0; 2]));
        bytes
    }

    #[test]
    fn stored_and_deflated_files_are_read() {
        let bytes = archive();
        let files = files(&bytes).unwrap();
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["a.npy", "b.npy"]);
        assert_eq!(files[0].read(), Ok(vec![1, 2, 3]));
        assert_eq!(files[1].read(), Ok(vec![7; 100]));
    }

    #[test]
    fn what_is_cut_off_is_no_archive() {
        let bytes = archive();
        for end in 0..bytes.len() {
            assert!(files(&bytes[..end]).is_none(), "{end} of {} bytes", bytes.len());
        }
    }
}
