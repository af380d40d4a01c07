//! An upper bound of the tokens that a prompt can have, without a tokenizer.
//!
//! **Bound.** A text has at most as many tokens as UTF-8 bytes. *Proof.* The models' tokenizers are byte-level BPE: a
//! text is cut into pieces, each piece becomes one token per byte, and every merge replaces two neighbours by one. So
//! each token stands for one or more bytes, the tokens of a text cover its bytes without overlap, and there are never
//! more of them than bytes. Nothing adds bytes before: these tokenizers do not normalise. Control tokens written in a
//! user's text are encoded as the text they are. ∎
//!
//! Around the texts a provider puts tokens of its own: where a message begins and ends, its role, where the answer
//! starts, and an introduction to a schema. Their number is not published for all models; [`PER_MESSAGE`] and
//! [`PER_REQUEST`] are several times what was ever recorded (3 or 4 per message, 3 per request). A schema is counted in
//! bytes too: however it is shown to the model, it takes fewer tokens than bytes of JSON.
//!
//! English has about four bytes per token, so the bound reserves about four times of what a prompt costs, until the
//! call is settled. That is the price of needing neither a vocabulary of 2 MB nor trust in one for models that have not
//! published theirs.
//!
//! An image is not text: it counts for the most that any model on the price list takes for one, at any level of detail.
//! Deliberately absent: audio.

/// Tokens around one message; a name or a tool call inside one is counted as text by its caller.
pub const PER_MESSAGE: u64 = 16;
/// Tokens around a request: the start of the answer and the introduction of a schema.
pub const PER_REQUEST: u64 = 64;

/// The most tokens of one image: gpt-4o-mini takes 2,833 and 5,667 for each of up to 8 tiles (OpenAI's guide to images,
/// noted 2026-11-23), more than any other model there.
pub const PER_IMAGE: usize = 48_169;

/// The most tokens that a text can have.
pub fn of_text(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

/// The most tokens that a request can have with so many messages of so many bytes together, and a schema of so many bytes
/// of JSON.
pub fn of_bytes(messages: usize, message_bytes: usize, schema_bytes: usize) -> u64 {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let around = PER_REQUEST.saturating_add(count(messages).saturating_mul(PER_MESSAGE));
    around.saturating_add(count(message_bytes)).saturating_add(count(schema_bytes))
}

/// The most tokens that inputs to be embedded can have; nothing is put around them but their ends.
pub fn of_inputs<'a>(inputs: impl IntoIterator<Item = &'a str>) -> u64 {
    let each = |text| of_text(text).saturating_add(PER_MESSAGE);
    inputs.into_iter().map(each).fold(PER_REQUEST, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_data;
    use proptest::prelude::*;
    use serde_json::Value;

    /// Byte-level BPE as it is defined: merges by rank until none applies.
    fn bpe(text: &str, merges: &[(Vec<u8>, Vec<u8>)]) -> Vec<Vec<u8>> {
        let mut tokens: Vec<Vec<u8>> = text.bytes().map(|byte| vec![byte]).collect();
        while let Some((left, right)) =
            merges.iter().find(|(left, right)| tokens.windows(2).any(|pair| pair[0] == *left && pair[1] == *right))
        {
            let at = tokens.windows(2).position(|pair| pair[0] == *left && pair[1] == *right).unwrap();
            let merged = [left.as_slice(), right.as_slice()].concat();
            tokens.splice(at..at + 2, [merged]);
        }
        tokens
    }

    #[test]
    fn the_bound_counts_bytes_and_what_is_around() {
        assert_eq!(of_text(""), 0);
        assert_eq!(of_text("é🦀"), 6);
        assert_eq!(of_bytes(2, 3, 10), 3 + 2 * PER_MESSAGE + 10 + PER_REQUEST);
        assert_eq!(of_bytes(0, 1, usize::MAX), u64::MAX);
        assert_eq!(of_inputs(["ab", "c"]), of_bytes(2, 3, 0));
    }

    /// What was recorded from the real service is within the bound.
    #[test]
    fn recorded_requests_are_within_the_bound() {
        let Some(recorded) = test_data::recorded() else { return };
        let mut seen = 0;
        for name in recorded.names("openai").iter().filter(|name| name.ends_with(".json")) {
            let fixture = recorded.json(&format!("openai/{name}"));
            let request = &fixture["request"]["body"];
            let Some(counted) = fixture["response"]["body"]["usage"]["prompt_tokens"].as_u64() else { continue };
            let inputs = match &request["input"] {
                Value::String(text) => vec![text.as_str()],
                Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect(),
                _ => Vec::new(),
            };
            let texts = request["messages"].as_array().into_iter().flatten();
            let texts: Vec<String> = texts
                .map(|message| match &message["content"] {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                })
                .collect();
            if inputs.is_empty() && texts.is_empty() {
                continue;
            }
            let schema = ["tools", "response_format"].map(|name| request[name].to_string().len()).iter().sum();
            let bytes = texts.iter().map(String::len).chain(inputs.iter().map(|input| input.len())).sum();
            let bound = of_bytes(texts.len() + inputs.len(), bytes, schema);
            assert!(counted <= bound, "{name}: {counted} of {bound}");
            seen += 1;
        }
        assert!(seen >= 5, "only {seen} recordings have requests");
    }

    proptest! {
        /// Whatever the vocabulary has learnt, a text never has more tokens than bytes, and they are the text.
        #[test]
        fn row_49_no_vocabulary_makes_more_tokens_than_bytes(
            text in "\\PC{0,40}|[abé🦀]{0,40}",
            pairs in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..30),
        ) {
            let mut known: Vec<Vec<u8>> = text.bytes().map(|byte| vec![byte]).collect();
            let mut merges = Vec::new();
            for (left, right) in pairs {
                if known.is_empty() {
                    break;
                }
                let pair = (known[left.index(known.len())].clone(), known[right.index(known.len())].clone());
                known.push([pair.0.as_slice(), pair.1.as_slice()].concat());
                merges.push(pair);
            }
            let tokens = bpe(&text, &merges);
            prop_assert!(tokens.len() as u64 <= of_text(&text));
            prop_assert_eq!(tokens.concat(), text.as_bytes());
        }
    }
}
