//! Tokens of a JSON text, with nesting checked: a state machine over bytes.
#![cfg_attr(target_arch = "wasm32", no_std, no_main)]

include!("../kernel.rs");

const TEXT: &[u8] = br#"{"panel":"hall","lines":[{"pin":17,"name":"lamp","safe":"low"},{"pin":27,"name":"pump","safe":"high"}],
"limits":{"fuel":100000,"memory":65536.5e-1},"ok":true,"none":null,"text":"a \"quoted\" \u00e9 word","deep":[[[[1],2],3],-4.25]}"#;

#[derive(Clone, Copy, PartialEq)]
enum State {
    Value,
    Text,
    Escape,
    Number,
    Word,
}

fn tokens(text: &[u8]) -> Option<[u32; 4]> {
    let (mut state, mut depth, mut nesting) = (State::Value, 0u32, 0u64);
    let mut counts = [0u32; 4];
    for &byte in text {
        state = match (state, byte) {
            (State::Text, b'\\') => State::Escape,
            (State::Text, b'"') => State::Value,
            (State::Text | State::Escape, _) => State::Text,
            (State::Number, b'0'..=b'9' | b'.' | b'e' | b'-' | b'+') => State::Number,
            (State::Word, b'a'..=b'z') => State::Word,
            (_, b'{' | b'[') => {
                nesting = nesting << 1 | u64::from(byte == b'{');
                depth += 1;
                counts[0] += depth;
                State::Value
            }
            (_, b'}' | b']') => {
                if depth == 0 || nesting & 1 != u64::from(byte == b'}') {
                    return None;
                }
                nesting >>= 1;
                depth -= 1;
                State::Value
            }
            (_, b'"') => {
                counts[1] += 1;
                State::Text
            }
            (_, b'0'..=b'9' | b'-') => {
                counts[2] += 1;
                State::Number
            }
            (_, b'a'..=b'z') => {
                counts[3] += 1;
                State::Word
            }
            (_, b':' | b',' | b' ' | b'\n') => State::Value,
            _ => return None,
        };
    }
    (depth == 0).then_some(counts)
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: u32) -> u32 {
    let mut sum = 0u32;
    for round in 0..n {
        let text = &TEXT[..TEXT.len() - (round & 1) as usize];
        match tokens(core::hint::black_box(text)) {
            Some(counts) => sum = counts.iter().fold(sum, |sum, count| sum.wrapping_mul(31).wrapping_add(*count)),
            None => sum ^= 0x5555,
        }
    }
    sum
}
