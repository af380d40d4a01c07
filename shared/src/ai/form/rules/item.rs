//! One item of a list of fields: "their phone number (optional)", "favourite colour (red, green or blue)".
//!
//! An item ends at a comma, a joining word, the end of the sentence, or a word that starts a clause. What the catalogue
//! has a phrase for becomes its field; another noun phrase of up to six words becomes a field of its own, of the kind
//! that its last words suggest. Deliberately absent: where lists start, which `named` decides.

use std::sync::LazyLock;

use super::kind::is_form;
use super::make::{label, of_known, of_words, offer};
use super::words::{Lexicon, Token};
use crate::ai::form::catalogue::{KNOWN, Known, known};
use crate::ai::form::field::{Field, FieldType, Validation};

/// Phrases of the catalogue's fields.
pub(crate) static ALIASES: LazyLock<Lexicon<&'static Known>> = LazyLock::new(|| {
    let said = KNOWN.iter().map(|known| (known.said, known));
    Lexicon::new(said.chain(KNOWN.iter().map(|known| (known.name, known))))
});

/// A field that a description names.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The field.
    pub field: Field,
    /// Whether it is required, if the description says so.
    pub marked: Option<bool>,
    /// Whether the description says what it looks like: that replaces what the kind of form has.
    pub offered: bool,
    /// Whether it closes the form.
    pub last: bool,
}

/// An item as it stands in the text.
#[derive(Debug)]
pub(crate) struct Item<'t> {
    /// Its words, without articles, markers and names of widgets.
    pub phrase: &'t [Token],
    /// How many tokens it takes up.
    pub length: usize,
    inside: &'t [Token],
    marked: Option<bool>,
    widget: Option<FieldType>,
    clause: bool,
    sentence: bool,
}

const ARTICLES: &str =
    "a|an|the|their|your|his|her|our|my|its|some|any|each|every|user|customer's|visitor|also|both|as|well|one|separate";
const JOINTS: &str = "and|or|plus|but|so|because|which|that|who|where|while|if|when|unless|to|via|then|from|using|as";
const CLAUSE_STARTS: [&str; 13] =
    ["so", "because", "which", "that", "who", "where", "while", "if", "when", "unless", "to", "via", "using"];
const PREPOSITIONS: &str =
    "for|in|on|at|with|by|per|about|before|after|during|into|under|is|are|should|must|field|input|box";
const CLAUSES: &str = "is|are|be|was|were|will|would|should|could|can|must|may|do|does|did|we|you|it|i|they|me|us|he|she|this|these|\
                       those|make|use|keep|please|ignore|let|show|want|need|have|has|get|there|not|sure|very|people|everything";
const JUNK: &str = "field|input|validation|style|styling|design|theme|layout|button|animation|header|heading|footer|mode|etc|thing|\
                    stuff|more|other|following|below|above|example|information|data|html|css|javascript|react|user|customer|section|\
                    step|color scheme|glass|effect|question mark|all|way|look|feel|instruction|prompt";
const WIDGETS: &[(&str, Option<FieldType>)] = &[
    ("field|input|input field|box|text box|text field|selector|selection|picker|button|entry|line", None),
    ("dropdown|drop down|select|select box|menu|combo box|dropdown menu|dropdown list", Some(FieldType::Select)),
    ("radio|radio button|choice", Some(FieldType::Radio)),
    ("checkbox|check box|tick box|toggle|switch", Some(FieldType::Checkbox)),
    ("textarea|text area|free text", Some(FieldType::Textarea)),
    ("upload|file upload|uploader", Some(FieldType::File)),
    ("date picker|datepicker|calendar", Some(FieldType::Date)),
];

static ARTICLE: LazyLock<Lexicon<()>> = LazyLock::new(|| Lexicon::new([(ARTICLES, ())]));
static JOINT: LazyLock<Lexicon<()>> = LazyLock::new(|| Lexicon::new([(JOINTS, ())]));
static PREPOSITION: LazyLock<Lexicon<()>> = LazyLock::new(|| Lexicon::new([(PREPOSITIONS, ())]));
static CLAUSE: LazyLock<Lexicon<()>> = LazyLock::new(|| Lexicon::new([(CLAUSES, ())]));
static NO_FIELD: LazyLock<Lexicon<()>> = LazyLock::new(|| Lexicon::new([(JUNK, ())]));
static WIDGET: LazyLock<Lexicon<Option<FieldType>>> = LazyLock::new(|| Lexicon::new(WIDGETS.iter().copied()));
static MARKER: LazyLock<Lexicon<bool>> = LazyLock::new(|| {
    Lexicon::new([("required|mandatory|compulsory|obligatory", true), ("optional|optionally|voluntary", false)])
});

/// Whether the word says that something is required or optional.
pub(crate) fn marker(token: &Token) -> Option<bool> {
    MARKER.whole(std::slice::from_ref(token))
}

fn is(lexicon: &Lexicon<()>, token: &Token) -> bool {
    lexicon.whole(std::slice::from_ref(token)).is_some()
}

/// Whether items end at this token.
pub(crate) fn separates(token: &Token) -> bool {
    !token.is_word() || is(&JOINT, token)
}

/// Whether the word starts a clause, which names no fields.
pub(crate) fn starts_clause(token: &Token) -> bool {
    CLAUSE_STARTS.contains(&token.stem.as_str())
}

/// The words without articles before them.
pub(crate) fn bare(mut tokens: &[Token]) -> &[Token] {
    while let Some((first, rest)) = tokens.split_first()
        && is(&ARTICLE, first)
        && !rest.is_empty()
    {
        tokens = rest;
    }
    tokens
}

/// Reads the item at the start of `tokens`; `stops` tells where another list starts.
pub(crate) fn read<'t>(tokens: &'t [Token], stops: impl Fn(&[Token]) -> bool) -> Item<'t> {
    let mut item =
        Item { phrase: &[], length: 0, inside: &[], marked: None, widget: None, clause: false, sentence: false };
    let mut at = tokens.len() - bare(tokens).len();
    while let (Some(marked), Some(next)) = (tokens.get(at).and_then(marker), tokens.get(at + 1))
        && next.is_word()
    {
        item.marked = Some(marked);
        at += 1;
    }
    at += tokens.get(at..).map_or(0, |rest| rest.len() - bare(rest).len());
    let rest = tokens.get(at..).unwrap_or_default();
    // "a dropdown for the time zone", "a checkbox to agree to the recording", "whether they eat meat"
    let prefix = WIDGET.longest(rest).filter(|(length, _)| {
        rest.get(*length).is_some_and(|next| ["for", "of", "to", "with", "asking"].contains(&next.stem.as_str()))
    });
    if let Some((length, widget)) = prefix {
        item.widget = widget;
        at += length + 1;
    }
    let rest = bare(tokens.get(at..).unwrap_or_default());
    at = tokens.len() - rest.len();
    let asks = rest.first().is_some_and(|first| first.is("whether"));
    item.sentence = asks || (item.widget == Some(FieldType::Checkbox) && prefix.is_some());
    item.widget = if asks { Some(FieldType::Radio) } else { item.widget };
    let length = item.extent(rest, &stops);
    item.phrase = rest.get(..length).unwrap_or_default();
    item.trim();
    item.length = at + length + item.tail(rest.get(length..).unwrap_or_default(), &stops);
    item
}

impl<'t> Item<'t> {
    /// How many tokens the phrase takes up: a known one, a whole sentence part, or all to the next joining word.
    fn extent(&self, rest: &[Token], stops: &impl Fn(&[Token]) -> bool) -> usize {
        let from = |at: usize| rest.get(at..).unwrap_or_default();
        let ends = |length: usize| {
            let next = rest.get(length);
            next.is_none_or(|next| {
                separates(next) || is(&PREPOSITION, next) || marker(next).is_some() || is_number(next)
            })
        };
        let stopped = |at: &usize| match from(*at).first() {
            Some(next) if self.sentence => !next.is_word() || next.is("and"),
            Some(next) => {
                separates(next) || matches!(next.stem.as_str(), "is" | "are") || (*at > 0 && stops(from(*at)))
            }
            None => true,
        };
        let alias = ALIASES.all(rest).map(|(length, _)| length).filter(|length| ends(*length)).max();
        alias.or_else(|| (0..=rest.len()).find(stopped)).unwrap_or(rest.len())
    }

    /// Takes markers and names of widgets off the end of the phrase.
    fn trim(&mut self) {
        while ALIASES.whole(self.phrase).is_none()
            && let Some((last, before)) = self.phrase.split_last()
        {
            if let Some(marked) = marker(last) {
                (self.marked, self.phrase) = (Some(marked), before);
                continue;
            }
            let ending =
                (1..=2_usize).rev().filter_map(|length| self.phrase.len().checked_sub(length)).find_map(|start| {
                    let (before, widget) = self.phrase.split_at_checked(start)?;
                    Some((before, WIDGET.whole(widget)?))
                });
            match ending {
                Some((before, widget)) if !before.is_empty() => {
                    self.widget = self.widget.or(widget);
                    self.phrase = before;
                }
                _ => return,
            }
        }
    }

    /// What follows the phrase and belongs to it: a remark in brackets, "is required", a prepositional tail.
    fn tail(&mut self, tokens: &'t [Token], stops: &impl Fn(&[Token]) -> bool) -> usize {
        let mut at = 0;
        while let Some(next) = tokens.get(at) {
            let rest = tokens.get(at..).unwrap_or_default();
            if next.is("(") {
                let inside = rest.iter().skip(1).take_while(|token| !token.is(")")).count();
                self.inside = rest.get(1..=inside).unwrap_or_default();
                at += inside + 2;
            } else if is_number(next) && self.inside.is_empty() {
                let range = rest.iter().take_while(|token| is_number(token) || token.is("to")).count();
                self.inside = rest.get(..range).unwrap_or_default();
                at += range;
            } else if let Some(marked) = marker(next) {
                self.marked = Some(marked);
                at += 1;
            } else if separates(next) || stops(rest) {
                break;
            } else {
                // A verb that only marks the field ends here; any other makes the item a clause.
                let marks = rest.iter().take_while(|token| !separates(token)).find_map(marker);
                self.clause |= marks.is_none() && is(&CLAUSE, next);
                self.widget = self.widget.or_else(|| WIDGET.longest(rest).and_then(|(_, widget)| widget));
                at += 1;
            }
        }
        at.min(tokens.len())
    }

    /// The fields that it names; none when it is no noun phrase, or, unless `trusted`, nothing that is known.
    pub(crate) fn wanted(&self, text: &str, trusted: bool, required: Option<bool>) -> Vec<Wanted> {
        let marked = self.marked.or(self.bracket_marker()).or(required);
        let options = options(text, self.inside);
        if let Some(entry) = ALIASES.whole(self.phrase) {
            let parts: Vec<&'static Known> = match entry.parts {
                "" => vec![entry],
                parts => parts.split(' ').filter_map(known).collect(),
            };
            let single = parts.len() == 1;
            return parts
                .into_iter()
                .map(|part| self.finish(part.last, of_known(part), marked, &options, single))
                .collect();
        }
        let like = match self.phrase.iter().position(|token| matches!(token.stem.as_str(), "of" | "for" | "in" | "per"))
        {
            Some(at) => ALIASES.whole(self.phrase.get(..at).unwrap_or_default()),
            None => ALIASES.ending(self.phrase),
        };
        if !(self.is_noun_phrase() && (trusted || like.is_some() || options.len() > 1)) {
            return Vec::new();
        }
        let like = like.filter(|_| !self.sentence);
        let mut field = of_words(source(text, self.phrase), like);
        if self.sentence && self.widget == Some(FieldType::Radio) {
            offer(&mut field, &["Yes".to_owned(), "No".to_owned()]);
        }
        vec![self.finish(like.is_some_and(|known| known.last), field, marked, &options, true)]
    }

    fn finish(&self, last: bool, mut field: Field, marked: Option<bool>, options: &[String], single: bool) -> Wanted {
        let open = field.validation.as_ref().is_none_or(|rule| rule.pattern.is_none())
            && !matches!(field.field_type, FieldType::Email | FieldType::Password | FieldType::Date | FieldType::File)
            && field.field_name != "name";
        let mut offered = false;
        if options.len() > 1 && open && single {
            offer(&mut field, options);
            offered = true;
        } else if let Some(kind) = self.widget.filter(|kind| !kind.is_choice() && *kind != field.field_type) {
            field = Field { field_type: kind, validation: None, options: None, ..field };
            offered = true;
        }
        if let Some(most) = self.most().filter(|_| matches!(field.field_type, FieldType::Text | FieldType::Textarea)) {
            let rule = field.validation.take().unwrap_or_default();
            field.validation = Some(Validation {
                min_length: rule.min_length.filter(|min| *min <= most),
                max_length: Some(most),
                ..rule
            });
            offered = true;
        }
        field.required = marked.unwrap_or(field.required);
        Wanted { field, marked, offered, last: last && single }
    }

    fn is_noun_phrase(&self) -> bool {
        let words = self.phrase;
        if self.sentence {
            return (2..=12).contains(&words.len());
        }
        let letters = words.iter().any(|token| token.stem.contains(char::is_alphabetic));
        let last = words.last().is_some_and(|last| !is(&NO_FIELD, last));
        (1..=6).contains(&words.len())
            && letters
            && last
            && !self.clause
            && !words.iter().any(|token| is(&CLAUSE, token) || is_form(token))
    }

    /// "(required)" or "(optional)".
    fn bracket_marker(&self) -> Option<bool> {
        self.inside.iter().find_map(marker)
    }

    /// "(max 200 characters)".
    fn most(&self) -> Option<u32> {
        self.inside.iter().any(|token| token.is("character")).then_some(())?;
        let number = self.inside.iter().rev().find_map(|token| token.stem.parse::<u32>().ok())?;
        (1..=10_000).contains(&number).then_some(number)
    }
}

fn is_number(token: &Token) -> bool {
    token.stem.bytes().all(|b| b.is_ascii_digit())
}

/// The text from the first of these tokens to the last.
pub(crate) fn source<'s>(text: &'s str, tokens: &[Token]) -> &'s str {
    let ends = tokens.first().zip(tokens.last());
    ends.and_then(|(first, last)| text.get(first.start..last.end)).unwrap_or_default()
}

/// The options in a bracket: "red, green or blue", "yes/no", "1 to 5"; none when it holds something else.
fn options(text: &str, inside: &[Token]) -> Vec<String> {
    let words: Vec<&Token> = inside.iter().filter(|token| token.is_word()).collect();
    let remark = ["e", "eg", "example", "max", "maximum", "minimum", "min", "character", "up"];
    if words.iter().any(|token| remark.contains(&token.stem.as_str()) || marker(token).is_some()) {
        return Vec::new();
    }
    let numbers: Vec<u32> = words.iter().filter_map(|token| token.stem.parse().ok()).collect();
    let filler = ["scale", "of", "from", "to", "star", "on", "a"];
    let range = words.iter().all(|token| token.stem.parse::<u32>().is_ok() || filler.contains(&token.stem.as_str()));
    if let (true, [low, high]) = (range, numbers.as_slice())
        && !inside.iter().any(|token| token.is(",") || token.is("/") || token.is("or"))
    {
        let fits = low < high && high - low <= 20;
        return if fits { (*low..=*high).map(|n| n.to_string()).collect() } else { Vec::new() };
    }
    let lists = inside.split(|token| !token.is_word() || token.is("or") || token.is("and"));
    let labels: Vec<String> =
        lists.map(|words| label(source(text, words))).filter(|label| !label.is_empty()).take(50).collect();
    if labels.len() > 1 && labels.iter().all(|label| label.chars().count() <= 60) { labels } else { Vec::new() }
}
