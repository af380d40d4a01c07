//! What tokens cost, from one dated file (`prices.json`).
//!
//! Two prices per call: the worst case before it, which reserves money, and the actual one after it. Both round up, and
//! what the provider does not tell is taken at its dearest, so the ledger errs towards having spent more. A model without
//! a price is refused: an unknown price is not a free one.
//!
//! Deliberately absent: discounts (batch, flex), which are never asked for, and dated snapshots of a model
//! (`gpt-4o-2024-08-06`), whose prices may differ from their alias's: a snapshot needs a row of its own.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::money::Money;
use crate::{Error, Result};

/// Tokens as a provider counted them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Read, `cached` included.
    pub prompt: u64,
    /// Read from the provider's own cache, at a lower price.
    pub cached: u64,
    /// Written, reasoning included.
    pub completion: u64,
}

impl Tokens {
    /// Both together; a count beyond all bounds stays at the largest.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            prompt: self.prompt.saturating_add(other.prompt),
            cached: self.cached.saturating_add(other.cached),
            completion: self.completion.saturating_add(other.completion),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[cfg_attr(not(test), expect(dead_code, reason = "for readers of the file; a test looks at it"))]
    source: String,
    date: String,
    #[expect(dead_code, reason = "for readers of the file")]
    unit: String,
    models: BTreeMap<String, Price>,
    /// What is not sold by the token: its price per 1,000 units, and where that was read.
    units: BTreeMap<String, Unit>,
}

/// The price of what is sold by the piece.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unit {
    thousand: Money,
    #[cfg_attr(not(test), expect(dead_code, reason = "for readers of the file; a test looks at it"))]
    source: String,
}

/// The price of one model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Price {
    input: Money,
    cached: Money,
    output: Money,
    /// Percent of `input` for tokens that the provider writes to its cache; no answer of Chat Completions tells how
    /// many they are, so all that were not read from it count.
    #[serde(default = "whole")]
    cache_write: u64,
    long_prompt: Option<LongPrompt>,
    /// The day on which the provider ends the model; afterwards its calls fail and cost nothing.
    #[cfg_attr(not(test), expect(dead_code, reason = "for readers of the file; a test looks at it"))]
    shutdown: Option<String>,
}

/// Dearer prices for the whole call when its prompt is longer than `above` tokens.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct LongPrompt {
    above: u64,
    input: u64,
    output: u64,
}

const fn whole() -> u64 {
    100
}

const MILLION: u64 = 1_000_000;

static FILE: LazyLock<Result<File, String>> =
    LazyLock::new(|| serde_json::from_str(include_str!("prices.json")).map_err(|error| error.to_string()));

fn file() -> Result<&'static File> {
    FILE.as_ref().map_err(|problem| Error::internal(format!("prices.json: {problem}")))
}

fn price(model: &str) -> Result<&'static Price> {
    file()?.models.get(model).ok_or_else(|| Error::Unpriced { model: model.to_owned() })
}

impl Price {
    /// Rounded up once per kind of token.
    fn of(&self, tokens: Tokens) -> Money {
        let Tokens { prompt, cached, completion } = tokens;
        let cached = cached.min(prompt);
        let (input, output) = match self.long_prompt {
            Some(long) if prompt > long.above => (long.input, long.output),
            _ => (100, 100),
        };
        let kind = |price: Money, percent: u64, tokens: u64| {
            price.share_up(percent.saturating_mul(tokens), MILLION.saturating_mul(100))
        };
        let written = Money::share_up(self.input, self.cache_write, 100);
        kind(written, input, prompt - cached).plus(kind(self.cached, input, cached)).plus(kind(
            self.output,
            output,
            completion,
        ))
    }
}

/// The day of the price list.
///
/// # Errors
/// `Internal` if the compiled-in list is broken, which a test excludes.
pub fn date() -> Result<&'static str> {
    Ok(&file()?.date)
}

/// The most that one request can cost that reads at most `prompt` tokens and may write at most `completion`.
///
/// # Errors
/// `Unpriced` for a model that is not on the list.
pub fn worst_case(model: &str, prompt: u64, completion: u64) -> Result<Money> {
    Ok(price(model)?.of(Tokens { prompt, cached: 0, completion }))
}

/// What a request cost whose tokens the provider counted.
///
/// # Errors
/// `Unpriced` for a model that is not on the list.
pub fn actual(model: &str, tokens: Tokens) -> Result<Money> {
    Ok(price(model)?.of(tokens))
}

/// What `count` units of `name` cost, such as `google-vision/label-detection`; rounded up.
///
/// # Errors
/// `Unpriced` for a name that is not on the list.
pub fn units(name: &str, count: u64) -> Result<Money> {
    let unit = file()?.units.get(name).ok_or_else(|| Error::Unpriced { model: name.to_owned() })?;
    Ok(unit.thousand.share_up(count, 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use proptest::prelude::*;

    fn nanos(model: &str, prompt: u64, cached: u64, completion: u64) -> u64 {
        actual(model, Tokens { prompt, cached, completion }).unwrap().nanos()
    }

    #[test]
    fn the_list_is_dated_and_its_models_live() {
        let list = file().unwrap();
        assert_eq!(date().unwrap().len(), "2026-11-23".len());
        assert!(list.source.contains("litellm"));
        for (model, price) in &list.models {
            assert!(price.shutdown.as_deref().is_none_or(|day| day > date().unwrap()), "{model} is shut down");
            assert!(price.input > Money::ZERO && price.cached <= price.input, "{model}");
            assert!(price.output > price.input || model.starts_with("text-embedding-"), "{model}");
        }
        for (name, unit) in &list.units {
            assert!(unit.thousand > Money::ZERO && unit.source.len() > 10, "{name}");
        }
        assert_eq!(units("google-vision/label-detection", 3).unwrap().nanos(), 4_500_000);
        assert_eq!(units("google-vision/unheard-of", 1).unwrap_err().code(), "MODEL_UNPRICED");
    }

    #[test]
    fn the_default_models_have_prices() {
        let config = Config::from_lookup(|_| None).unwrap();
        for model in [&config.model_simple, &config.model_complex] {
            assert!(worst_case(model, 1, 1).unwrap() > Money::ZERO);
        }
    }

    #[test]
    fn prices_are_as_published() {
        assert_eq!(nanos("gpt-4o-mini", 1_000_000, 0, 0), 150_000_000);
        assert_eq!(nanos("gpt-4o-mini", 1_000_000, 1_000_000, 1_000_000), 675_000_000);
        assert_eq!(nanos("text-embedding-3-small", 1, 0, 0), 20);
        assert_eq!(nanos("gpt-5-nano", 1, 1, 0), 5);
        // What is not read from the cache may be written to it, for a quarter more.
        assert_eq!(nanos("gpt-6-luna", 1_000, 400, 10), 600 * 125 + 400 * 10 + 10 * 500);
    }

    #[test]
    fn a_long_prompt_is_dearer_as_a_whole() {
        assert_eq!(nanos("gpt-6.1-terra", 272_000, 0, 1), 272_000 * 1_250 + 5_000);
        assert_eq!(nanos("gpt-6.1-terra", 272_001, 0, 1), 272_001 * 2_500 + 7_500);
        assert_eq!(nanos("gpt-4.1", 272_001, 0, 0), 272_001 * 2_000);
    }

    #[test]
    fn row_49_an_unknown_model_is_not_free() {
        for model in ["", "gpt-7", "gpt-4", "GPT-6-LUNA", "gpt-4o-2024-05-13", "omni-moderation-latest"] {
            let error = worst_case(model, 1, 1).unwrap_err();
            assert_eq!(error.code(), "MODEL_UNPRICED", "{model}");
            assert!(actual(model, Tokens::default()).is_err());
        }
    }

    proptest! {
        /// The worst case is one: whatever is used of what was planned, cached or not, costs no more.
        #[test]
        fn no_call_costs_more_than_its_worst_case(
            model in prop::sample::select(file().unwrap().models.keys().cloned().collect::<Vec<_>>()),
            most in (0_u64..2_000_000, 0_u64..200_000),
            used in (0.0..=1.0, 0.0..=1.0, 0.0..=1.0),
        ) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a share")]
            let share = |of: u64, share: f64| (of as f64 * share) as u64;
            let prompt = share(most.0, used.0).min(most.0);
            let tokens = Tokens { prompt, cached: share(prompt, used.1), completion: share(most.1, used.2).min(most.1) };
            prop_assert!(actual(&model, tokens).unwrap() <= worst_case(&model, most.0, most.1).unwrap());
        }
    }
}
