//! Gzip streams.

use std::io::{Error, ErrorKind, Read, Result};

use flate2::bufread::GzDecoder;

/// The first bytes of a gzip member (RFC 1952, 2.3.1).
pub(super) const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Decompresses every member of a gzip stream, one after the other. Zeros between and behind them are
/// padding, which tapes and block devices leave, as for `gzip` and Python's `gzip`.
///
/// # Errors
/// What the decompressor says of a damaged member; [`ErrorKind::InvalidData`] with the place of bytes that
/// are no member.
pub(super) fn decompress(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut data = Vec::new();
    let mut rest = bytes;
    loop {
        GzDecoder::new(&mut rest).read_to_end(&mut data)?;
        let padding = rest.iter().position(|&byte| byte != 0).unwrap_or(rest.len());
        rest = &rest[padding..];
        if rest.is_empty() {
            return Ok(data);
        }
        if !rest.starts_with(&MAGIC) {
            let (from, count) = (bytes.len() - rest.len(), rest.len());
            let reason = format!("{count} bytes behind the gzip stream, from byte {from} on, are no gzip");
            return Err(Error::new(ErrorKind::InvalidData, reason));
        }
    }
}

#[cfg(test)]
pub(super) fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_padding_are_read_and_nothing_else() {
        let (one, two) = (compress(b"one"), compress(b"two"));
        let zeros = vec![0; 1000];
        assert_eq!(decompress(&[&one[..], &zeros].concat()).unwrap(), b"one");
        assert_eq!(decompress(&[&one[..], &two, &zeros].concat()).unwrap(), b"onetwo");
        assert_eq!(decompress(&[&one[..], &zeros, &two].concat()).unwrap(), b"onetwo");
        let error = decompress(&[&one[..], b"\0\0garbage"].concat()).unwrap_err().to_string();
        let from = one.len() + 2;
        assert_eq!(error, format!("7 bytes behind the gzip stream, from byte {from} on, are no gzip"));
        assert!(decompress(&one[..one.len() - 3]).is_err(), "cut short");
        assert!(decompress(&[&one[..], &two[..9]].concat()).is_err(), "the second member is cut short");
        let mut damaged = one.clone();
        damaged[12] ^= 1;
        assert!(decompress(&damaged).is_err(), "damaged");
    }
}
