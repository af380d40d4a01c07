//! How much a request asks for, and which of the two models answers it.
//!
//! A measure is a sum of shares, each of which grows with something that can be counted up to a full weight:
//!
//! | operation | weight: what is counted, and how much of it is the full weight |
//! |---|---|
//! | generate-form | 0.4 length: 1,200 characters; 0.4 features: 16 commas, semicolons, line breaks and joining words ("and", "with", "if"); 0.2 fields: 20 that exist already |
//! | enhance-query | 0.4 length: 300 characters; 0.4 features: 8 of the same; 0.2 sentences: 3 beyond the first |
//! | summarize | 0.6 length: 20,000 characters; 0.2 compression: 50 to 1; 0.2 sentences of 40 words on average |
//! | complete-code | 0.3 length: 4,000 characters; 0.5 constructs: 12 (async, class, trait, generic, ...); 0.2 context: 600 characters |
//!
//! Where the caller asks in words (forms, queries, the context of code), words such as "simple" or "basic" take 0.2
//! away, once. Below `USE_CHEAPER_MODELS_THRESHOLD` the simple model answers, from it on the complex one.
//! Deliberately absent: understanding. Counting only has to tell a phrase from a page of wishes.

use std::fmt::Write as _;

use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation as _;

use super::Settings;

/// Words that ask for little.
const SIMPLE: [&str; 8] = ["simple", "basic", "plain", "minimal", "easy", "quick", "short", "small"];
/// What such a word takes away.
const DISCOUNT: f64 = 0.2;
/// Words that join one wish to another.
const JOINTS: [&str; 16] = [
    "and",
    "with",
    "plus",
    "if",
    "unless",
    "when",
    "only",
    "except",
    "without",
    "depending",
    "or",
    "not",
    "between",
    "versus",
    "vs",
    "compare",
];
/// Words of code that come with more than a line: types, concurrency, generics, control of others' code.
const CONSTRUCTS: [&str; 34] = [
    "abstract",
    "actor",
    "async",
    "await",
    "channel",
    "class",
    "concept",
    "constexpr",
    "decorator",
    "defer",
    "dyn",
    "enum",
    "extends",
    "generic",
    "impl",
    "implements",
    "interface",
    "lambda",
    "macro",
    "macro_rules",
    "mutex",
    "namespace",
    "override",
    "protocol",
    "select",
    "struct",
    "synchronized",
    "template",
    "thread",
    "trait",
    "typename",
    "unsafe",
    "where",
    "yield",
];

/// Which of the two models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// `MODEL_SIMPLE`.
    Simple,
    /// `MODEL_COMPLEX`.
    Complex,
}

/// A model for a request, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Which of the two.
    pub tier: Tier,
    /// Its name.
    pub model: String,
    /// How much the request asks for, 0 to 1, in thousandths.
    pub complexity: f64,
    /// One sentence for people.
    pub reason: String,
}

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Complexity {
    parts: Vec<(&'static str, f64)>,
}

impl Complexity {
    /// Of a form's description.
    pub(crate) fn of_form(description: &str, existing: usize) -> Self {
        let mut sum = Self::default();
        sum.add("length", 0.4, description.chars().count(), 1_200);
        sum.add("features", 0.4, joints(description), 16);
        sum.add("existing fields", 0.2, existing, 20);
        sum.discount(description);
        sum
    }

    /// Of a search query.
    pub(crate) fn of_query(query: &str) -> Self {
        let mut sum = Self::default();
        sum.add("length", 0.4, query.chars().count(), 300);
        sum.add("features", 0.4, joints(query), 8);
        sum.add("sentences", 0.2, query.unicode_sentences().count().saturating_sub(1), 3);
        sum.discount(query);
        sum
    }

    /// Of a text and the most characters of its summary.
    pub(crate) fn of_summary(content: &str, most: usize) -> Self {
        let length = content.chars().count();
        let mut sum = Self::default();
        sum.add("length", 0.6, length, 20_000);
        sum.add("compression", 0.2, length / most.max(1), 50);
        let sentences = content.unicode_sentences().count().max(1);
        sum.add("long sentences", 0.2, content.unicode_words().count() / sentences, 40);
        sum
    }

    /// Of code and what was said about it.
    pub(crate) fn of_code(code: &str, context: &str) -> Self {
        let words = code.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        let named = words.filter(|word| CONSTRUCTS.contains(word)).count();
        let generics = code.matches('<').count().min(code.matches('>').count());
        let mut sum = Self::default();
        sum.add("length", 0.3, code.chars().count(), 4_000);
        sum.add("constructs", 0.5, named + generics / 2, 12);
        sum.add("context", 0.2, context.chars().count(), 600);
        sum.discount(context);
        sum
    }

    /// 0 to 1, in thousandths.
    pub(crate) fn value(&self) -> f64 {
        let sum: f64 = self.parts.iter().map(|(_, share)| share).sum();
        (sum.clamp(0.0, 1.0) * 1_000.0).round() / 1_000.0
    }

    /// The model.
    pub(crate) fn choose(&self, settings: &Settings) -> Choice {
        let (complexity, threshold) = (self.value(), settings.cheaper_threshold);
        let (tier, model, place) = if complexity < threshold {
            (Tier::Simple, &settings.model_simple, "below")
        } else {
            (Tier::Complex, &settings.model_complex, "not below")
        };
        let mut reason = format!("complexity {complexity} is {place} {threshold}");
        for (n, (name, share)) in self.parts.iter().filter(|(_, share)| share.abs() >= 0.005).enumerate() {
            // Writing to a string cannot fail.
            let _written = write!(reason, "{} {name} {share:+.2}", if n == 0 { ":" } else { "," });
        }
        Choice { tier, model: model.clone(), complexity, reason }
    }

    fn add(&mut self, name: &'static str, weight: f64, count: usize, full: u32) {
        let count = u32::try_from(count).unwrap_or(full).min(full);
        self.parts.push((name, weight * f64::from(count) / f64::from(full)));
    }

    fn discount(&mut self, wish: &str) {
        if words(wish).any(|word| SIMPLE.contains(&word.as_str())) {
            self.parts.push(("simple words", -DISCOUNT));
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

fn joints(text: &str) -> usize {
    let marks = text.chars().filter(|c| matches!(c, ',' | ';' | '\n')).count();
    marks + words(text).filter(|word| JOINTS.contains(&word.as_str())).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn settings(cheaper_threshold: f64) -> Settings {
        Settings { openai: None, model_simple: "small".into(), model_complex: "large".into(), cheaper_threshold }
    }

    #[test]
    fn a_form_of_a_phrase_and_one_of_a_page() {
        let simple = Complexity::of_form("a contact form", 0).value();
        let middle = Complexity::of_form("Event form with name, email, diet, t-shirt size and hotel nights", 5).value();
        let page = "Ask for the name, and if it is a company, the tax number.\n".repeat(30);
        assert!((0.0..0.1).contains(&simple), "{simple}");
        assert!((0.15..0.4).contains(&middle), "{middle}");
        assert!(Complexity::of_form(&page, 20).value() > 0.99);
    }

    #[test]
    fn each_operation_tells_little_from_much() {
        let query = Complexity::of_query("red shoes").value();
        let wishes = "Compare laptops with 32 GB, between 900 and 1200 euros, but not refurbished. And only in stock?";
        assert!(query < 0.05 && Complexity::of_query(wishes).value() > 0.45, "{query}");
        let short = Complexity::of_summary("One sentence. Another.", 200).value();
        let long = Complexity::of_summary(&"Many words make a long text. ".repeat(1_000), 200).value();
        assert!(short < 0.05 && long > 0.7, "{short} {long}");
        let line = Complexity::of_code("let x = ", "").value();
        let types = "impl<T> Trait for Vec<T> where T: Send { async fn a(&self) { b().await } }\ntrait A {}\nstruct B;";
        let types = Complexity::of_code(types, "").value();
        assert!(line < 0.05 && types > 0.25, "{line} {types}");
    }

    #[test]
    fn simple_words_take_some_away() {
        let wish = "a registration form with name, email, phone, address and diet";
        let less = Complexity::of_form(&format!("Simple: {wish}"), 0).value();
        let more = Complexity::of_form(wish, 0).value();
        assert!(less < more - 0.1, "{less} {more}");
        // Words in the code itself say nothing about the wish.
        assert!(
            (Complexity::of_code("simple = basic()", "").value() - Complexity::of_code("simplo = basoc()", "").value())
                .abs()
                < 1e-9
        );
    }

    #[test]
    fn the_threshold_chooses_and_the_reason_says_why() {
        let choice = Complexity::of_form("a contact form with a phone", 2).choose(&settings(0.5));
        assert_eq!((choice.tier, choice.model.as_str()), (Tier::Simple, "small"));
        assert_eq!(choice.reason, "complexity 0.054 is below 0.5: length +0.01, features +0.03, existing fields +0.02");
        let choice = Complexity::of_form("a contact form", 0).choose(&settings(0.0));
        assert_eq!((choice.tier, choice.model.as_str()), (Tier::Complex, "large"));
    }

    proptest! {
        #[test]
        fn every_measure_is_between_0_and_1(text in "\\PC{0,400}", count in 0_usize..10_000) {
            for measured in [
                Complexity::of_form(&text, count),
                Complexity::of_query(&text),
                Complexity::of_summary(&text, count),
                Complexity::of_code(&text, &text),
            ] {
                prop_assert!((0.0..=1.0).contains(&measured.value()));
                prop_assert!(measured.choose(&settings(0.5)).reason.len() < 200);
            }
        }
    }
}
