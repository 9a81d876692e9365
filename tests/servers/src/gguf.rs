//! A model in the format of llama.cpp that is true to form and of no use: one tensor of noise.

/// Where the data of tensors begins: a multiple of this.
const ALIGNMENT: usize = 32;

/// A model of about `size` bytes. Another `seed` gives other bytes.
#[must_use]
pub fn gguf(size: usize, seed: u64) -> Vec<u8> {
    let floats = (size / 4).max(8);
    let mut out = Vec::with_capacity(size + 512);
    out.extend_from_slice(b"GGUF");
    out.extend_from_slice(&3_u32.to_le_bytes());
    out.extend_from_slice(&1_u64.to_le_bytes());
    let values: [(&str, Value<'_>); 7] = [
        ("general.architecture", Value::Text("llama")),
        ("general.name", Value::Text("tiny")),
        ("llama.context_length", Value::Number(64)),
        ("llama.embedding_length", Value::Number(8)),
        ("llama.block_count", Value::Number(1)),
        ("llama.attention.head_count", Value::Number(1)),
        ("tokenizer.ggml.model", Value::Text("llama")),
    ];
    out.extend_from_slice(&(values.len() as u64).to_le_bytes());
    for (key, value) in values {
        text(&mut out, key);
        value.write(&mut out);
    }
    text(&mut out, "token_embd.weight");
    out.extend_from_slice(&1_u32.to_le_bytes());
    out.extend_from_slice(&(floats as u64).to_le_bytes());
    // F32, at the beginning of the data
    out.extend_from_slice(&0_u32.to_le_bytes());
    out.extend_from_slice(&0_u64.to_le_bytes());
    out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    for _ in 0..floats {
        // xorshift: noise that no server can make smaller
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&((state >> 40) as f32 / 16_777_216.0).to_le_bytes());
    }
    out
}

enum Value<'a> {
    Text(&'a str),
    Number(u32),
}

impl Value<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) => {
                out.extend_from_slice(&4_u32.to_le_bytes());
                out.extend_from_slice(&number.to_le_bytes());
            }
            Self::Text(value) => {
                out.extend_from_slice(&8_u32.to_le_bytes());
                text(out, value);
            }
        }
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}
