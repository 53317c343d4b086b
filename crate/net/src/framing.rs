//! Frames in a byte stream, as QEMU's socket networks have them: four bytes of length, the most significant first, then the frame.

use crate::cable::LONGEST;

/// Takes frames out of a stream.
#[derive(Default, Debug)]
pub struct Framer {
    buf: Vec<u8>,
    at: usize,
}

/// The stream holds no frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Garbled;

impl Framer {
    /// Bytes came.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.at > 0 {
            self.buf.drain(..self.at);
            self.at = 0;
        }
        self.buf.extend_from_slice(bytes);
    }

    /// The next whole frame.
    ///
    /// # Errors
    /// A length that no frame has: the stream is of no use any more.
    pub fn take(&mut self) -> Result<Option<Vec<u8>>, Garbled> {
        let rest = &self.buf[self.at..];
        let Some((length, rest)) = rest.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length) as usize;
        if length > LONGEST {
            return Err(Garbled);
        }
        let Some(frame) = rest.get(..length) else {
            return Ok(None);
        };
        let frame = frame.to_vec();
        self.at += 4 + length;
        Ok(Some(frame))
    }
}

/// A frame as the stream has it.
pub fn wrap(frame: &[u8]) -> Vec<u8> {
    let mut out = (frame.len() as u32).to_be_bytes().to_vec();
    out.extend_from_slice(frame);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_in_pieces() {
        let mut stream = wrap(b"one");
        stream.extend(wrap(b""));
        stream.extend(wrap(&[7; 2000]));
        for piece in [1, 3, 5, 4000] {
            let (mut framer, mut got) = (Framer::default(), Vec::new());
            for bytes in stream.chunks(piece) {
                framer.push(bytes);
                while let Some(frame) = framer.take().unwrap() {
                    got.push(frame);
                }
            }
            assert_eq!(got, [b"one".to_vec(), Vec::new(), vec![7; 2000]]);
        }
        let mut framer = Framer::default();
        framer.push(&[0xff; 8]);
        assert_eq!(framer.take(), Err(Garbled));
    }
}
