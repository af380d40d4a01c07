//! The fields that a description names, and those that it rules out.
//!
//! A list starts at an opening phrase ("with", "including", "ask for", a colon) and runs to the end of the sentence.
//! After clear openers unknown noun phrases count; after doubtful ones ("need", "enter") only what the catalogue
//! knows. Outside of lists, known phrases of two words and more count. Whatever is ruled out ("without a phone") stays
//! out, even when it is named too. Deliberately absent: understanding; a wrong guess costs one field too many.

use std::sync::LazyLock;

use super::item::{self, ALIASES, Item, Wanted, marker, separates};
use super::kind::is_form;
use super::words::{Lexicon, Token, stems};
use crate::ai::form::catalogue::known;
use crate::ai::form::field::Field;

/// What a description says about fields.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// Fields to have.
    pub wanted: Vec<Wanted>,
    /// Fields not to have.
    pub unwanted: Vec<Unwanted>,
    /// Whether there should be no others.
    pub only: bool,
    /// Whether every field is required, if the description says so.
    pub all_required: Option<bool>,
    /// How many tokens come before the first list.
    pub head: usize,
}

/// A field not to have.
#[derive(Debug)]
pub(crate) struct Unwanted {
    names: Vec<&'static str>,
    words: Vec<String>,
}

impl Unwanted {
    fn new(item: &Item<'_>) -> Option<Self> {
        let words: Vec<String> = item.phrase.iter().map(|token| token.stem.clone()).collect();
        let mut names = ALIASES.whole(item.phrase).map(super::names_of).unwrap_or_default();
        if names.contains(&"name") {
            names.extend(["firstName", "lastName"]);
        }
        if names.contains(&"street") {
            names.push("sameAddress");
        }
        (!words.is_empty()).then_some(Self { names, words })
    }

    /// Whether it is this field: by name, or because its label holds the words.
    pub(crate) fn is(&self, field: &Field) -> bool {
        let label = stems(&field.label);
        let told = self.names.is_empty() && label.windows(self.words.len()).any(|part| part == self.words);
        told || self.names.contains(&field.field_name.as_str()) || stems(&field.field_name) == self.words
    }
}

/// What a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opener {
    /// Fields.
    Add,
    /// Perhaps fields.
    Maybe,
    /// Fields, and no others.
    Only,
    /// Fields to leave out.
    Without,
    /// One field to leave out.
    No,
}

static OPENERS: LazyLock<Lexicon<Opener>> = LazyLock::new(|| {
    Lexicon::new([
        (
            "with|including|includes|include|containing|contains|contain|consisting of|ask for|asks for|asking for|collecting|\
             fields for|fields like|such as|the following|as well as|along with|inputs for|featuring|plus",
            Opener::Add,
        ),
        (
            "collect|collects|gather|gathers|capture|captures|has|have|having|need|needs|require|requires|want|wants|enter|provide|fill in|\
             specify|add|upload|choose|select|pick|give|leave|state|tell us|asks|ask|submit|share",
            Opener::Maybe,
        ),
        ("only|just|nothing but", Opener::Only),
        (
            "without|excluding|exclude|except|except for|do not include|don't include|do not ask for|don't ask for|do not need|don't need|\
             do not want|don't want|not including|never ask for|omit|leave out|skip|minus|do not collect|don't collect|do not add|don't add",
            Opener::Without,
        ),
        ("no|not|no need for", Opener::No),
    ])
});

static ALL: LazyLock<Lexicon<bool>> = LazyLock::new(|| {
    Lexicon::new([
        (
            "all fields required|all fields are required|everything is required|every field is required|all required|all mandatory|\
          all fields mandatory|all fields are mandatory|all fields must be filled|all are required",
            true,
        ),
        (
            "all fields optional|all fields are optional|everything is optional|all optional|every field is optional",
            false,
        ),
    ])
});

/// A list that is being read.
#[derive(Debug, Clone, Copy)]
struct List {
    opener: Opener,
    required: Option<bool>,
}

/// Reads a description.
pub(crate) fn read(text: &str, tokens: &[Token]) -> Named {
    let mut named = Named { head: tokens.len(), ..Named::default() };
    let mut list: Option<List> = None;
    let mut only = false;
    let mut at = 0;
    while let Some(first) = tokens.get(at) {
        let rest = tokens.get(at..).unwrap_or_default();
        if let Some((length, required)) = ALL.longest(rest) {
            named.all_required = Some(required);
            at += length;
        } else if first.ends_sentence() {
            (list, only) = (None, false);
            at += 1;
        } else if let Some((length, next)) = opener(rest, list) {
            only |= next.opener == Opener::Only;
            let keeps = next.opener == Opener::Only && list.is_none_or(|list| list.opener == Opener::Add);
            let kept = list.unwrap_or(List { opener: Opener::Maybe, ..next });
            if !matches!(next.opener, Opener::Maybe | Opener::Only) {
                named.head = named.head.min(at);
            }
            list = Some(if keeps { kept } else { next });
            at += length;
        } else if separates(first) {
            if first.is(",") && list.is_some_and(|list| list.opener == Opener::No) {
                list = None;
            }
            at += 1;
            if item::starts_clause(first) {
                let rest = tokens.get(at..).unwrap_or_default();
                at += rest.iter().take_while(|token| token.is_word() && !token.is("and")).count();
            }
        } else if let Some(current) = list {
            let item =
                item::read(rest, |rest| opener(rest, list).is_some_and(|(_, next)| next.opener != Opener::Maybe));
            if matches!(current.opener, Opener::Without | Opener::No) {
                named.unwanted.extend(Unwanted::new(&item));
                at += item.length.max(1);
                continue;
            }
            let wanted = item.wanted(text, current.opener == Opener::Add, current.required);
            if wanted.is_empty() && current.opener != Opener::Add {
                (list, only) = (None, false);
                at += 1;
                continue;
            }
            named.only |= only && !wanted.is_empty();
            named.wanted.extend(wanted);
            at += item.length.max(1);
        } else {
            at += phrase(text, rest, &mut named);
        }
    }
    named
}

/// A known phrase outside of every list: two words or more, and not the form's own name.
fn phrase(text: &str, tokens: &[Token], named: &mut Named) -> usize {
    match ALIASES.longest(tokens) {
        Some((length, known)) if length > 1 && !known.last && !tokens.get(length).is_some_and(is_form) => {
            let item = item::read(tokens.get(..length).unwrap_or_default(), |_| false);
            named.wanted.extend(item.wanted(text, false, None));
            length
        }
        _ => 1,
    }
}

/// The list that starts here, if one does, and how many tokens say so.
fn opener(tokens: &[Token], list: Option<List>) -> Option<(usize, List)> {
    let first = tokens.first()?;
    let is_colon = |at: usize| tokens.get(at).is_some_and(|token| token.is(":"));
    if let Some(required) = marker(first) {
        let fields = usize::from(tokens.get(1).is_some_and(|token| token.is("field")));
        return is_colon(1 + fields).then_some((2 + fields, List { opener: Opener::Add, required: Some(required) }));
    }
    if first.is(":") {
        let plain = List { opener: Opener::Add, required: None };
        return Some((1, list.filter(|list| list.opener != Opener::Maybe).unwrap_or(plain)));
    }
    let (length, opener) = OPENERS.longest(tokens)?;
    // "state" is a verb and a field, "leave date" is no order to leave something: the longer phrase wins, and in a list
    // a field does.
    let alias = ALIASES.longest(tokens).map_or(0, |(length, _)| length);
    let field = alias > length || (alias == length && opener == Opener::Maybe && list.is_some());
    let required = (first.is("require") && opener == Opener::Maybe).then_some(true);
    (!field).then_some((length, List { opener, required }))
}

/// The fields of a description that is nothing but a list: at least two items that the catalogue knows.
pub(crate) fn bare(tokens: &[Token]) -> Vec<Wanted> {
    let items = tokens.split(separates).filter(|words| !words.is_empty());
    let found: Vec<Wanted> = items
        .filter_map(|words| ALIASES.whole(item::bare(words)).or_else(|| ALIASES.ending(words)))
        .flat_map(|entry| match entry.parts {
            "" => vec![entry],
            parts => parts.split(' ').filter_map(known).collect(),
        })
        .map(|entry| Wanted { field: super::of_known(entry), marked: None, offered: false, last: entry.last })
        .collect();
    if found.len() < 2 { Vec::new() } else { found }
}
