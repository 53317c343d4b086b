//! `screendump`: the display's picture as PPM or PNG.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::Value;
use tinamou_core::{Frame, crc32};

use super::done;
use crate::cx::{Args, Cx};
use crate::error::Error;

/// Binary PPM, which has no alpha.
fn ppm(frame: &Frame) -> Vec<u8> {
    let mut out = format!("P6\n{} {}\n255\n", frame.width, frame.height).into_bytes();
    for p in frame.rgba.chunks_exact(4) {
        out.extend_from_slice(&p[..3]);
    }
    out
}

fn chunk(out: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    out.extend((data.len() as u32).to_be_bytes());
    out.extend_from_slice(kind);
    out.extend_from_slice(data);
    out.extend(crc32(&[kind, data]).to_be_bytes());
}

/// PNG (W3C Recommendation, second edition): 8 bits a sample, red, green, blue, no filter.
fn png(frame: &Frame) -> Vec<u8> {
    let mut rows = Vec::new();
    for row in frame.rgba.chunks_exact(4 * (frame.width as usize).max(1)) {
        rows.push(0);
        for p in row.chunks_exact(4) {
            rows.extend_from_slice(&p[..3]);
        }
    }
    let mut deflated = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing to a vector does not fail.
    let _ = deflated.write_all(&rows);
    let data = deflated.finish().unwrap_or_default();
    let mut head = Vec::new();
    head.extend(frame.width.to_be_bytes());
    head.extend(frame.height.to_be_bytes());
    head.extend([8, 2, 0, 0, 0]);
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut out, b"IHDR", &head);
    chunk(&mut out, b"IDAT", &data);
    chunk(&mut out, b"IEND", &[]);
    out
}

/// `screendump`
pub fn dump(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    if let Some(device) = args.str("device") {
        return Err(Error::no_device(device));
    }
    if args.get("head").is_some() {
        return Err(Error::generic(
            "'head' must be specified together with 'device'",
        ));
    }
    let mut frame = Frame::default();
    if !cx.machine()?.display(&mut frame) {
        return Err(Error::generic(
            "There is no console to take a screendump from",
        ));
    }
    let picture = match args.str("format") {
        Some("png") => png(&frame),
        _ => ppm(&frame),
    };
    let file = args.text("filename");
    // QEMU has another sentence here than elsewhere.
    let failed = |why: String| match why.strip_prefix("Could not open ") {
        Some(rest) => format!("failed to open file {rest}"),
        None => why,
    };
    cx.host
        .write_file(file, &picture)
        .map_err(|why| Error::generic(failed(why)))?;
    done()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures() {
        let frame = Frame {
            width: 2,
            height: 1,
            rgba: vec![1, 2, 3, 255, 4, 5, 6, 255],
            dirty: (0, 1),
        };
        assert_eq!(ppm(&frame), b"P6\n2 1\n255\n\x01\x02\x03\x04\x05\x06");
        let png = png(&frame);
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(&png[12..29], b"IHDR\0\0\0\x02\0\0\0\x01\x08\x02\0\0\0");
        assert!(png.ends_with(b"IEND\xae\x42\x60\x82"));
    }
}
